"""Chooses between several sizes that fit: by what modules remember, by the checkpoint's options, or by a default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.torch7.objects import LuaValue
from pipeline.torch7.solving import settings, sizes
from pipeline.torch7.solving.attempts import Attempt, Attempts
from pipeline.torch7.solving.forms import Form, Place, resized, tensor_at
from pipeline.torch7.solving.memory import CONSULTED, Memory, memories
from pipeline.torch7.solving.ranks import PLANES
from pipeline.torch7.solving.solution import Free

STEPS = 4  # of a sequence of any length
_DEFAULTS = {1: (64, 256, 1024), 2: (224, 256, 512, 64, 32)}  # of unlimited sizes, by the number of axes
_DEFAULT = (32, 64, 16)  # of three axes
_LISTED = 5
# Common sizes of images, the most common first.
_USUAL = (224, 227, 32, 28, 64, 96, 128, 256, 48, 231, 112)


def decided(attempts: Attempts, form: Form, group: sizes.Group, checkpoint: LuaValue) -> tuple[Form, Free]:
    """Return the form with the size of a group of axes, if it can be decided, and what else would fit."""
    uneven = len(set(_sizes(form, group))) > 1
    least, largest = (1, 1) if uneven else sizes.bounds(attempts, form, group)
    if least == largest and not uneven and len(joint := _alike(form, group)) > len(group):
        group = joint
        least, largest = sizes.bounds(attempts, form, group)
    free = Free(group, _rank(form, group), least, largest, uneven=uneven)
    if least == largest and not uneven:
        square = len({number for _, number in group}) > 1
        return form, replace(free, reason="no other square fits" if square else "")
    for memory in memories(attempts(form).steps)[:CONSULTED]:
        if found := _remembered(attempts, form, group, memory, exact=largest is not None):
            return found, replace(free, reason=str(memory))
    if not uneven:
        for setting in _settings(form, group, checkpoint):
            if attempts(found := sizes.with_size(form, group, setting.size)).fits:
                return found, replace(free, reason=str(setting))
    if largest is not None or uneven:
        return form, replace(free, decided=False)
    found = _default(attempts, form, group)
    size = "x".join(map(str, _sizes(found, group[: _rank(form, group)])))
    reason = f"nothing in the file tells the {free.names}, so {size} was chosen; use --input for another size"
    return found, replace(free, reason=reason)


def _settings(form: Form, group: sizes.Group, checkpoint: LuaValue) -> Sequence[settings.Setting]:
    """Return the options of the checkpoint for the size of a group of axes: the sides of an image, or its planes."""
    if len(group) > 1:
        return settings.sides(checkpoint)
    return settings.planes(checkpoint) if _are_planes(form, group) else ()


def _are_planes(form: Form, group: sizes.Group) -> bool:
    return {number for _, number in group} == {1} and _rank(form, group) >= 4


def _rank(form: Form, group: sizes.Group) -> int:
    return len(tensor_at(form, group[0][0]).axes)


def _sizes(form: Form, group: Sequence[Place]) -> list[int]:
    return [tensor_at(form, path).axes[number].size for path, number in group]


def _alike(form: Form, group: sizes.Group) -> sizes.Group:
    """Return a group extended by the same axes of other tensors with the same sizes, which may have to stay equal."""
    numbers = [number for _, number in group]
    shape = _sizes(form, group)
    same = [other for other in sizes.groups(form) if [n for _, n in other] == numbers and _sizes(form, other) == shape]
    return tuple(place for other in same for place in other)


def _remembered(attempts: Attempts, form: Form, group: sizes.Group, memory: Memory, *, exact: bool) -> Form | None:
    """Return the form in which a module has the input or output that it remembers; None if there is none.

    With `exact`, the memory must determine the sizes uniquely.
    """
    rank, shift = _rank(form, group), _rank(form, group) - len(memory.shape)
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
    """Return the form with a usual size for axes of unlimited size."""
    unrolled = attempts(sizes.with_size(form, group, 8 * max(_sizes(form, group)))).size > 2 * attempts(form).size
    numbers = {number for _, number in group}
    if _are_planes(form, group):
        usual: tuple[int, ...] = (PLANES,)
    else:
        usual = (STEPS,) if unrolled else _DEFAULTS.get(len(numbers), _DEFAULT)
    tried = (sizes.with_size(form, group, size) for size in usual)
    return next((new for new in tried if attempts(new).fits), form)


def listed(attempts: Attempts, form: Form, undecided: Sequence[Free]) -> tuple[Form, ...]:
    """Return forms that fit, with some of the possible sizes of the undecided axes, the likeliest first."""
    found: dict[Form, None] = {}
    even = [free for free in undecided if not free.uneven]
    orders = [sorted(range(free.least, (free.largest or free.least) + 1), key=_unlikely) for free in even]
    for turn in range(max(map(len, orders), default=1)):
        new = form
        for free, order in zip(even, orders, strict=True):
            new = sizes.with_size(new, free.group, order[min(turn, len(order) - 1)])
        if len(found) < _LISTED and attempts(new).fits:
            found[new] = None
    return tuple(found)


def _unlikely(size: int) -> tuple[int, int, int]:
    """Return the sort key of a size: common sizes of images first, then multiples of high powers of 2, then smaller."""
    rank = _USUAL.index(size) if size in _USUAL else len(_USUAL)
    return rank, -(size & -size), size
