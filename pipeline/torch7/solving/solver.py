"""Infers the shape of a network's input.

A tensor of one number is tried first. The module that it does not fit says what it needs, and so on until all modules
fit; sizes that no module determines are found by bisection. If several sizes fit, what modules remember of their last
run decides, then the options of the checkpoint; unlimited sizes get a default. Otherwise the user must decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pipeline.graph.values import Value
from pipeline.torch7.lowering import Step
from pipeline.torch7.mode import PLAIN, Mode
from pipeline.torch7.module import Module, definition_of
from pipeline.torch7.objects import LuaValue
from pipeline.torch7.running import deep_recursion, depth
from pipeline.torch7.solving import choice, ranks, sizes
from pipeline.torch7.solving.attempts import Attempt, Attempts, Exhausted, names
from pipeline.torch7.solving.choice import STEPS
from pipeline.torch7.solving.forms import Axis, Form, Path, TensorForm, at, put, tables, tensors
from pipeline.torch7.solving.repairs import repairs
from pipeline.torch7.solving.solution import Free, Solution

_ROUNDS = 60  # repairs in a row


def solve(root: Module, checkpoint: LuaValue, mode: Mode = PLAIN) -> Solution:
    """Infer the shape of the input of a network whose classes are all known. `checkpoint` is everything in its file.

    Raises InvalidInputError for a damaged module.
    """
    attempts = Attempts(root, mode)
    with deep_recursion(depth(root)):
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
    """Return a form that fits, or else gets furthest: it is repaired by what modules need, or by other sizes."""
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
    """Return the solution for a form that fits, after deciding what it leaves open."""
    form = _with_sequences(attempts, form)
    form = _lengthened(attempts, form)
    opened = [path for path, _ in tensors(form) if ranks.is_open(attempts, form, path)]
    reasons: list[str] = []
    for path in opened[:]:
        if found := ranks.remembered(attempts, form, path):
            form, memory = found
            reasons.append(str(memory))
            opened.remove(path)
    if opened:
        return Solution(
            form, fits=True, settled=False, choices=ranks.offered(attempts, form, opened[0]), open=tuple(opened)
        )
    unsettled = any(table.unsettled for table in tables(form))
    free: list[Free] = []
    for group in sizes.groups(form):
        form, one = choice.decided(attempts, form, group, checkpoint)
        free.append(one)
    reasons += [item.reason for item in free if item.reason]
    free = [item for item in free if item.least != item.largest or item.uneven]
    undecided = [item for item in free if not item.decided]
    return Solution(
        form,
        fits=True,
        settled=not undecided and not unsettled,
        free=tuple(free),
        choices=choice.listed(attempts, form, undecided),
        reasons=tuple(reasons),
        any_batch=_any_batch(attempts, form),
    )


def _with_sequences(attempts: Attempts, form: Form) -> Form:
    """Return the form with one more axis for inputs that may be one sample or a batch, such as indices of a lookup."""
    longer = form
    for path, tensor in tensors(form):
        takers = (definition_of(step.module) for step in _takers(attempts(form), form, path))
        if any(d is not None and d.unbatched == "taken" and d.rank == len(tensor.axes) + 1 for d in takers):
            longer = put(longer, path, replace(tensor, axes=(*tensor.axes, Axis())))
    return longer if attempts(longer).fits else form


def _lengthened(attempts: Attempts, form: Form, path: Path = ()) -> Form:
    """Return the form with a few items, instead of one, in sequences of any length."""
    table = at(form, path)
    if isinstance(table, TensorForm):
        return form
    if table.repeats and len(table.items) == 1:
        longer = put(form, path, replace(table, items=table.items * STEPS))
        form = longer if attempts(longer).fits else form
    for position in range(len(table.items)):
        form = _lengthened(attempts, form, (*path, position))
    return form


def _takers(attempt: Attempt, form: Form, path: Path) -> Iterator[Step]:
    """Yield the steps that take the input at a path directly."""
    named = names(form)
    for step in attempt.steps:
        if isinstance(step.taken, Value) and named.get(step.taken.name) == path:
            yield step


def _any_batch(attempts: Attempts, form: Form) -> bool:
    first = [(path, 0) for path, tensor in tensors(form) if tensor.batch]
    return bool(first) and attempts(sizes.with_size(form, first, 2)).fits
