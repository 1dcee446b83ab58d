"""Finds the shape of a network's input.

A tensor of one number is tried first. The module that it does not fit says what it takes, and so on until all fit;
sizes that no module names are found by halving. Where several fit, what modules remember of their last run decides,
then what the checkpoint's options say; sizes without an end get a default. All else is for the user to say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from pipeline.graph.values import Value
from pipeline.torch7.lowering import Step
from pipeline.torch7.module import Module, find
from pipeline.torch7.objects import LuaValue
from pipeline.torch7.running import deep_recursion, depth
from pipeline.torch7.solving import settings, sizes
from pipeline.torch7.solving.attempts import Attempt, Attempts, Exhausted, names
from pipeline.torch7.solving.forms import Axis, Form, Path, Place, TensorForm, at, put, resized, tables, tensors
from pipeline.torch7.solving.memory import Memory, memories
from pipeline.torch7.solving.repairs import repairs
from pipeline.torch7.solving.solution import Free, Solution

_ROUNDS = 60  # repairs in a row
_CONSULTED = 12  # memories
_DEFAULTS = {1: (64, 256, 1024), 2: (224, 256, 512, 64, 32)}  # of sizes without an end, by the number of axes
_DEFAULT = (32, 64, 16)  # of three axes
_PLANES = 3
_STEPS = 4  # of a sequence that is unrolled
_LISTED = 5
# Sides that images are often given.
_USUAL = (224, 227, 32, 28, 64, 96, 128, 256, 48, 231, 112)


def solve(root: Module, checkpoint: LuaValue = None) -> Solution:
    """Find the shape of the input of a network, all of whose classes are known; `checkpoint` is what its file holds.

    Raises InvalidInputError for a damaged module.
    """
    attempts = Attempts(root)
    with deep_recursion(depth(root.object)):
        try:
            form = _fitting(attempts)
            attempt = attempts(form)
            if not attempt.fits:
                return Solution(form, fits=attempt.refused, settled=attempt.refused, trouble=attempt.misfit)
            return _settled(attempts, form, checkpoint)
        except Exhausted:
            form = attempts.furthest
            return Solution(form, fits=attempts(form).fits, settled=False)


def _fitting(attempts: Attempts) -> Form:
    """Repair a form until it fits, or nothing helps: by what a module asks for, by another size, or by both."""
    form: Form = TensorForm()
    for _ in range(_ROUNDS):
        before = attempts(form).rank
        if before[0]:
            break
        options = tuple(repairs(form, attempts(form)))
        better = max((form, *options), key=lambda option: attempts(option).rank)
        if better is form:
            as_far = (option for option in (form, *options) if attempts(option).progress >= before[1])
            grown = (sizes.grown(attempts, option) for option in as_far)
            better = next((option for option in grown if attempts(option).rank > before), form)
        if better is form:
            break
        form = better
    return form


def _settled(attempts: Attempts, form: Form, checkpoint: LuaValue) -> Solution:
    """Decide what is left open in a form that fits."""
    form = _with_sequences(attempts, form)
    form = _lengthened(attempts, form)
    opened = [path for path, tensor in tensors(form) if tensor.flat or _takes_more_axes(attempts, form, path)]
    reasons: list[str] = []
    for path in opened[:]:
        if found := _remembered_whole(attempts, form, path):
            form, memory = found
            reasons.append(str(memory))
            opened.remove(path)
    if opened:
        return Solution(form, fits=True, settled=False, choices=_shapes(attempts, form, opened), open=tuple(opened))
    unsettled = any(table.unsettled for table in tables(form))
    free: list[Free] = []
    for group in sizes.groups(form):
        form, found_free = _decided(attempts, form, group, checkpoint)
        free.append(found_free)
    free = [item for item in free if item.least != item.largest or item.uneven]
    undecided = [item for item in free if not item.decided]
    return Solution(
        form,
        fits=True,
        settled=not undecided and not unsettled,
        free=tuple(free),
        choices=_listed(attempts, form, undecided) or (form,),
        reasons=tuple(reasons),
        any_batch=_any_batch(attempts, form),
    )


def _with_sequences(attempts: Attempts, form: Form) -> Form:
    """Give a batch dimension to what takes one sample or a batch of them, as a lookup takes indices."""
    longer = form
    for path, tensor in tensors(form):
        takers = (find(step.module.kind) for step in _takers(attempts(form), form, path))
        if any(d is not None and d.unbatched == "taken" and d.rank == len(tensor.axes) + 1 for d in takers):
            longer = put(longer, path, replace(tensor, axes=(*tensor.axes, Axis())))
    return longer if attempts(longer).fits else form


def _lengthened(attempts: Attempts, form: Form, path: Path = ()) -> Form:
    """Give sequences of any length a few items instead of one."""
    table = at(form, path)
    if isinstance(table, TensorForm):
        return form
    if table.repeats and len(table.items) == 1:
        longer = put(form, path, replace(table, items=table.items * _STEPS))
        form = longer if attempts(longer).fits else form
    for position in range(len(table.items)):
        form = _lengthened(attempts, form, (*path, position))
    return form


def _takers(attempt: Attempt, form: Form, path: Path) -> Iterator[Step]:
    """Return the steps that take an input itself."""
    named = names(form)
    for step in attempt.steps:
        if isinstance(step.taken, Value) and named.get(step.taken.name) == path:
            yield step


def _takes_more_axes(attempts: Attempts, form: Form, path: Path) -> bool:
    """Return whether a tensor may have more axes: then nothing in the network settles how many it has.

    They are added to it alone, or to all of its rank, at the end or behind the batch.
    """
    tensor = at(form, path)
    assert isinstance(tensor, TensorForm)
    count = len(tensor.axes)
    everything = [other for other, _ in tensors(form)]
    alike = [other for other, one in tensors(form) if len(one.axes) == count]
    twos = sizes.with_size(form, [place for group in sizes.groups(form) for place in group], 2)
    for start, paths, (place, more) in product(
        (form, twos), ([path], alike, everything), ((count, 1), (1, 1), (count, 2))
    ):
        longer = start
        for other in paths:
            one = at(form, other)
            assert isinstance(one, TensorForm)
            longer = put(
                longer,
                other,
                replace(one, axes=(*one.axes[:place], *[Axis(3 - min(len(paths), 2))] * more, *one.axes[place:])),
            )
        if attempts(longer).fits:
            return True
    return False


def _remembered_whole(attempts: Attempts, form: Form, path: Path) -> tuple[Form, Memory] | None:
    """Return the form with the shape at a path that a module remembers, and which does."""
    tensor = at(form, path)
    assert isinstance(tensor, TensorForm)
    for memory in memories(attempts(form).steps)[:_CONSULTED]:
        shape = tuple(size for size in memory.shape if size is not None)
        if len(shape) < len(memory.shape) or (tensor.flat and memory.side == "gives"):
            continue
        for candidate in _batches(shape, tensor):
            new = put(
                form, path, TensorForm(tuple(Axis(size, known=number > 0) for number, size in enumerate(candidate)))
            )
            attempt = attempts(new)
            seen = sizes.shape_at(attempt, memory.step, memory.side)
            if attempt.fits and seen is not None and (shape in (seen, seen[1:]) or shape[1:] == seen[1:]):
                return new, memory
    return None


def _batches(shape: tuple[int, ...], tensor: TensorForm) -> Iterator[tuple[int, ...]]:
    """Return what a batch of one may look like where a shape was seen, with a batch dimension or without."""
    if not tensor.flat:
        yield (1, *shape[1:]) if len(shape) == 2 or len(shape) >= 4 else shape
        return
    elements = math.prod(tensor.shape)
    for sample in (shape[1:], shape):
        if sample and math.prod(sample) == elements:
            yield (1, *sample)


def _decided(attempts: Attempts, form: Form, group: sizes.Group, checkpoint: LuaValue) -> tuple[Form, Free]:
    """Decide the size of some axes, if it can be decided."""
    uneven = len(set(_sizes(form, group))) > 1
    least, largest = (1, 1) if uneven else sizes.bounds(attempts, form, group)
    if least == largest and not uneven and len(joint := _alike(form, group)) > len(group):
        group = joint
        least, largest = sizes.bounds(attempts, form, group)
    free = Free(group, _rank_of(form, group), least, largest, uneven=uneven)
    if least == largest and not uneven:
        return form, free
    for memory in memories(attempts(form).steps)[:_CONSULTED]:
        if found := _remembered(attempts, form, group, memory, exact=largest is not None):
            return found, replace(free, reason=str(memory))
    if len(group) > 1 and not uneven:
        for setting in settings.sides(checkpoint):
            if attempts(found := sizes.with_size(form, group, setting.size)).fits:
                return found, replace(free, reason=str(setting))
    if largest is not None or uneven:
        return form, replace(free, decided=False)
    found = _default(attempts, form, group)
    size = "x".join(map(str, _sizes(found, group[: _rank_of(form, group)])))
    return found, replace(free, reason=f"{size} is a default")


def _rank_of(form: Form, group: sizes.Group) -> int:
    tensor = at(form, group[0][0])
    assert isinstance(tensor, TensorForm)
    return len(tensor.axes)


def _alike(form: Form, group: sizes.Group) -> sizes.Group:
    """Return the axes of all tensors that are those of a group, and have its sizes: they may have to be the same."""
    numbers = [number for _, number in group]
    shape = _sizes(form, group)
    same = [other for other in sizes.groups(form) if [n for _, n in other] == numbers and _sizes(form, other) == shape]
    return tuple(place for other in same for place in other)


def _sizes(form: Form, group: Sequence[Place]) -> list[int]:
    found = []
    for path, number in group:
        tensor = at(form, path)
        assert isinstance(tensor, TensorForm)
        found.append(tensor.axes[number].size)
    return found


def _remembered(attempts: Attempts, form: Form, group: sizes.Group, memory: Memory, *, exact: bool) -> Form | None:
    """Return the form with the sizes with which a module takes, or gives, what it remembers.

    Where the memory is `exact`, no other sizes do that.
    """
    rank, shift = _rank_of(form, group), _rank_of(form, group) - len(memory.shape)
    seen = sizes.shape_at(attempts(form), memory.step, memory.side)
    if seen is None or len(seen) != rank or shift not in (0, 1):
        return None
    unknown = {number for other in sizes.groups(form) for _, number in other}
    if any(memory.shape[n - shift] not in (None, seen[n]) for n in range(1, rank) if n not in unknown):
        return None
    chosen: dict[Place, int] = {}
    for path, number in group:
        wanted = memory.shape[number - shift]
        if wanted is None:
            return None

        def look(attempt: Attempt, number: int = number, wanted: int = wanted) -> int:
            shape = sizes.shape_at(attempt, memory.step, memory.side)
            return -1 if shape is None or len(shape) != rank else shape[number] - wanted

        size = sizes.size_giving(attempts, form, (path, number), look)
        if size is None or (exact and look(attempts(resized(form, {(path, number): size + 1}))) == 0):
            return None
        chosen[path, number] = size
    found = resized(form, chosen)
    return found if attempts(found).fits else None


def _default(attempts: Attempts, form: Form, group: sizes.Group) -> Form:
    """Return the form with a usual size for axes that have no end."""
    unrolled = attempts(sizes.with_size(form, group, 8 * max(_sizes(form, group)))).size > 2 * attempts(form).size
    numbers = {number for _, number in group}
    if numbers == {1} and _rank_of(form, group) >= 4:
        usual: tuple[int, ...] = (_PLANES,)
    else:
        usual = (_STEPS,) if unrolled else _DEFAULTS.get(len(numbers), _DEFAULT)
    tried = (sizes.with_size(form, group, size) for size in usual)
    return next((new for new in tried if attempts(new).fits), form)


def _any_batch(attempts: Attempts, form: Form) -> bool:
    first = [(path, 0) for path, tensor in tensors(form) if tensor.batch]
    return bool(first) and attempts(sizes.with_size(form, first, 2)).fits


def _listed(attempts: Attempts, form: Form, undecided: Sequence[Free]) -> tuple[Form, ...]:
    """Return forms that fit with sizes of those that are open, the likeliest first."""
    if not undecided:
        return ()
    found: list[Form] = []
    orders = [sorted(range(free.least, (free.largest or free.least) + 1), key=_unlikely) for free in undecided]
    for turn in range(max(map(len, orders))):
        new = form
        for free, order in zip(undecided, orders, strict=True):
            if free.uneven:
                continue
            new = sizes.with_size(new, free.group, order[min(turn, len(order) - 1)])
        if len(found) < _LISTED and attempts(new).fits:
            found.append(new)
    return tuple(found)


def _unlikely(size: int) -> tuple[int, int, int]:
    """Rank sizes: those that images often have, then those with many factors of 2, then the smaller."""
    rank = _USUAL.index(size) if size in _USUAL else len(_USUAL)
    return rank, -(size & -size), size


def _shapes(attempts: Attempts, form: Form, opened: Sequence[Path]) -> tuple[Form, ...]:
    """Return forms that fit with some of the shapes that the open tensors may have."""
    path = opened[0]
    tensor = at(form, path)
    assert isinstance(tensor, TensorForm)
    shape = tensor.shape
    if tensor.flat:
        elements = math.prod(shape)
        squares = ((planes, math.isqrt(elements // planes)) for planes in (1, _PLANES))
        images = [(1, planes, side, side) for planes, side in squares if planes * side * side == elements and side > 1]
        candidates = [shape, *images]
    else:
        start = (*shape, _PLANES)[: max(2, len(shape))]
        candidates = [start, (*start, 32, 32)[: max(4, len(shape))], shape]
    forms = [put(form, path, TensorForm(tuple(Axis(size) for size in one))) for one in candidates]
    return tuple(new for new in dict.fromkeys(forms) if attempts(new).fits)
