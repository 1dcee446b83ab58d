"""Finds the sizes of axes that no module determines: how large an image must be, and may be.

Since the tensors in a network grow with its input, the least and the largest size are found by bisection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pipeline.graph.values import Value
from pipeline.torch7.lowering import Step
from pipeline.torch7.solving.attempts import Attempt, Attempts
from pipeline.torch7.solving.forms import Form, Place, TensorForm, resized, tensor_at, tensors

LIMITS = {1: 1 << 14, 2: 1 << 9}  # the largest sizes tried, by the number of axes that grow together
LIMIT = 1 << 7  # the same for three or more
_ELONGATED = 4  # the largest ratio of the sizes of two axes that is tried

Group = tuple[Place, ...]


def limit(group: Group) -> int:
    """Return the largest size to try for a group of axes."""
    return LIMITS.get(len({axis for _, axis in group}), LIMIT)


def groups(form: Form) -> list[Group]:
    """Return groups of axes that no module determines. The sides of an image form one group. Batches are left out."""
    return [group for path, tensor in tensors(form) for group in _groups(path, tensor)]


def _groups(path: tuple[int, ...], tensor: TensorForm) -> list[Group]:
    if tensor.flat:
        return []
    rank = len(tensor.axes)
    unknown = [n for n, axis in enumerate(tensor.axes) if n >= tensor.batch and not axis.known]
    planes = [1] if rank >= 4 and 1 in unknown else []
    return [
        tuple((path, number) for number in numbers)
        for numbers in ([n for n in unknown if n not in planes], planes)
        if numbers
    ]


def with_size(form: Form, group: Sequence[Place], size: int) -> Form:
    """Return the form with the same size for all axes of a group."""
    return resized(form, dict.fromkeys(group, size))


def grown(attempts: Attempts, form: Form) -> Form:
    """Return the form with larger sizes with which the network gets further; the form itself if none helps."""
    before = attempts(form)
    for group in _to_grow(form, before):
        found, side = _least(attempts, form, group)
        if found is None and side and len(group) > 1:
            found = _rectangle(attempts, form, group, side)
        if found is not None and _better(attempts(found), before):
            return found
    return form


def _better(attempt: Attempt, before: Attempt) -> bool:
    return attempt.fits or attempt.progress > before.progress


def _to_grow(form: Form, before: Attempt) -> Iterator[Group]:
    """Yield the axes that may be too small: of all tensors on which the misfit depends, then of each of them."""
    concerned = [group for group in groups(form) if group[0][0] in before.sources]
    images = [group for group in concerned if not _of_planes(form, group)]
    if len(images) > 1:
        yield tuple(place for group in images for place in group)
    yield from images
    yield from (group for group in concerned if group not in images)


def _of_planes(form: Form, group: Group) -> bool:
    return len(tensor_at(form, group[0][0]).axes) >= 4 and group[0][1] == 1


def _least(
    attempts: Attempts, form: Form, group: Group, begin: int = 1, most: int = 0
) -> tuple[Form | None, int | None]:
    """Return the form with the least size that fits or gets further, and the least size that is too large.

    Either is None if there is none. Sizes from `begin` to `most` are tried.
    """
    small, size, most = 0, begin, most or limit(group)
    furthest = attempts(form)
    best: Form | None = None
    least = largest = 0
    while True:
        tried = with_size(form, group, size)
        attempt = attempts(tried)
        if attempt.direction >= 0:
            break
        if attempt.progress > furthest.progress:
            furthest, best = attempt, tried
            least, largest = small, size
        small, size = size, 2 * size
        if attempt.cut or size > most:
            return best and _first(attempts, form, group, least, largest), None
    large = attempt
    while size - small > 1:
        middle = (size + small) // 2
        tried = with_size(form, group, middle)
        attempt = attempts(tried)
        if attempt.progress > max(large.progress, furthest.progress) and not attempt.fits and not large.fits:
            return tried, size
        small, size = (middle, size) if attempt.direction < 0 else (small, middle)
    found = with_size(form, group, size)
    return (found if _better(attempts(found), furthest) else best), size


def _first(attempts: Attempts, form: Form, group: Group, small: int, size: int) -> Form:
    """Return the form with the least size above `small` that gets as far as `size`."""
    wanted = attempts(with_size(form, group, size)).progress
    while size - small > 1:
        middle = (size + small) // 2
        enough = attempts(with_size(form, group, middle)).progress >= wanted
        small, size = (small, middle) if enough else (middle, size)
    return with_size(form, group, size)


def _rectangle(attempts: Attempts, form: Form, group: Group, side: int) -> Form | None:
    """Return a form that gets further with one axis shorter than `side` and the others longer, or the reverse.

    It is needed if no square fits: `side` is too large, and one less is too small. The nearest to a square is taken.
    """
    before = attempts(form)
    first, *others = group
    for shorter in range(side - 1, max(side // _ELONGATED, 1) - 1, -1):
        for fixed, rest in (([first], others), (others, [first])):
            start = with_size(form, fixed, shorter)
            found, _ = _least(attempts, start, tuple(rest), side, side * _ELONGATED)
            if found is not None and _better(attempts(found), before):
                return found
    return None


def bounds(attempts: Attempts, form: Form, group: Group) -> tuple[int, int | None]:
    """Return the least and the largest size of a group with which a fitting form still fits; None means unlimited."""
    tensor = tensor_at(form, group[0][0])
    size = tensor.axes[group[0][1]].size

    def fits(other: int) -> bool:
        return attempts(with_size(form, group, other)).fits

    least = _last(size, 0, lambda other: not fits(other)) + 1 if size > 1 and fits(size - 1) else size
    above = size
    while above < limit(group):
        attempt = attempts(with_size(form, group, 2 * above))
        if attempt.cut:
            return least, None
        if not attempt.fits:
            return least, _last(above, 2 * above, fits)
        above *= 2
    return least, None


def _last(inside: int, outside: int, holds: Callable[[int], bool]) -> int:
    """Return the largest size for which `holds` is true, found by bisection between two sizes in any order."""
    low, high = min(inside, outside), max(inside, outside)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def size_giving(attempts: Attempts, form: Form, place: Place, look: Callable[[Attempt], int]) -> int | None:
    """Return the least size of an axis for which `look` is 0; None if there is none, or `look` does not depend on it.

    `look` returns the difference between a size in an attempt and the wanted size. It must not fall as the axis grows.
    """

    def seen(size: int) -> int:
        return look(attempts(resized(form, {place: size})))

    small, size = 0, 1
    while seen(size) < 0:
        if size > LIMITS[1]:
            return None
        small, size = size, 2 * size
    while size - small > 1:
        middle = (size + small) // 2
        small, size = (middle, size) if seen(middle) < 0 else (small, middle)
    return size if seen(size) == 0 and seen(4 * size) > 0 else None


def shape_at(attempt: Attempt, step: Step, side: str) -> tuple[int, ...] | None:
    """Return the shape of the input or output of a step's module in another attempt; None if it did not run."""
    for other in attempt.steps:
        if other.module.object is step.module.object:
            value = other.taken if side == "takes" else other.given
            return value.shape if isinstance(value, Value) else None
    return None
