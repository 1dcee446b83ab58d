"""Decides how many axes a tensor has if nothing in the network determines that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

from pipeline.torch7.solving import sizes
from pipeline.torch7.solving.attempts import Attempts
from pipeline.torch7.solving.forms import Axis, Form, Path, TensorForm, put, tensor_at, tensors
from pipeline.torch7.solving.memory import CONSULTED, Memory, memories

PLANES = 3  # of an image, if any number fits
_SIDE = 32


def is_open(attempts: Attempts, form: Form, path: Path) -> bool:
    """Return whether a tensor may have more axes, or only the number of its elements is known.

    To find out, axes are added to it alone, to all tensors of its rank, and to all, at the end and after the batch.
    """
    tensor = tensor_at(form, path)
    if tensor.flat:
        return True
    count, everything = len(tensor.axes), [other for other, _ in tensors(form)]
    alike = [other for other in everything if len(tensor_at(form, other).axes) == count]
    twos = sizes.with_size(form, [place for group in sizes.groups(form) for place in group], 2)
    wider = product((form, twos), ([path], alike, everything), ((count, 1), (1, 1), (count, 2)))
    return any(attempts(_widened(start, paths, place, more)).fits for start, paths, (place, more) in wider)


def _widened(form: Form, paths: Sequence[Path], place: int, more: int) -> Form:
    """Return the form with `more` axes at a position of some tensors.

    Their size is 1 for several tensors, but 2 for a single one, since an axis of size 1 may fit as if it were none.
    """
    for path in paths:
        tensor = tensor_at(form, path)
        extra = [Axis(1 if len(paths) > 1 else 2)] * more
        form = put(form, path, replace(tensor, axes=(*tensor.axes[:place], *extra, *tensor.axes[place:])))
    return form


def remembered(attempts: Attempts, form: Form, path: Path) -> tuple[Form, Memory] | None:
    """Return the form with a shape at a path that a module remembers, and this memory; None if none fits."""
    tensor = tensor_at(form, path)
    for memory in memories(attempts(form).steps)[:CONSULTED]:
        shape = tuple(size for size in memory.shape if size is not None)
        if len(shape) < len(memory.shape) or (tensor.flat and memory.side == "gives"):
            continue
        for candidate in _batches(shape, tensor):
            axes = tuple(Axis(size, known=number > 0) for number, size in enumerate(candidate))
            new = put(form, path, TensorForm(axes))
            attempt = attempts(new)
            seen = sizes.shape_at(attempt, memory.step, memory.side)
            if attempt.fits and seen is not None and (shape in (seen, seen[1:]) or shape[1:] == seen[1:]):
                return new, memory
    return None


def _batches(shape: tuple[int, ...], tensor: TensorForm) -> Iterator[tuple[int, ...]]:
    """Yield the shapes of a batch of one that a remembered shape, with or without a batch dimension, suggests."""
    if not tensor.flat:
        yield (1, *shape[1:]) if len(shape) == 2 or len(shape) >= 4 else shape
        return
    elements = math.prod(tensor.shape)
    for sample in (shape[1:], shape):
        if sample and math.prod(sample) == elements:
            yield (1, *sample)


def offered(attempts: Attempts, form: Form, path: Path) -> tuple[Form, ...]:
    """Return forms that fit, with some of the shapes that an open tensor may have: vectors and images."""
    tensor = tensor_at(form, path)
    shape = tensor.shape
    if tensor.flat:
        elements = math.prod(shape)
        squares = ((planes, math.isqrt(elements // planes)) for planes in (1, PLANES))
        images = [(1, planes, side, side) for planes, side in squares if planes * side * side == elements and side > 1]
        candidates = [shape, *images]
    else:
        start = (*shape, PLANES)[: max(2, len(shape))]
        candidates = [start, (*start, _SIDE, _SIDE)[: max(4, len(shape))], shape]
    forms = [put(form, path, TensorForm(tuple(Axis(size) for size in one))) for one in candidates]
    return tuple(new for new in dict.fromkeys(forms) if attempts(new).fits)
