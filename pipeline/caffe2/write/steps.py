"""Changes of shape as sequences of operators with one input, planned from static shapes, for any batch size."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pipeline.caffe2.write.builder import BOOL, INT32, ArgumentValue, Step
from pipeline.graph.values import Shape


def reshape(old: Shape, new: Shape) -> list[Step]:
    """Return steps that change a shape. Equal leading sizes are copied (0); else the first size is inferred (-1).

    >>> reshape((2, 3, 4), (2, 12)), reshape((2, 3, 4), (6, 4))
    ([('Reshape', {'shape': (0, 12)})], [('Reshape', {'shape': (-1, 4)})])
    """
    if old == new:
        return []
    kept = 0
    while kept < min(len(old), len(new)) and old[kept] == new[kept]:
        kept += 1
    free = int(kept == 0 and all(size > 0 for size in new) and new != ())
    return [("Reshape", {"shape": (0,) * kept + (-1,) * free + new[kept + free :]})]


def tile(repeats: Sequence[int]) -> list[Step]:
    """Return steps that repeat along each axis. Caffe2 tiles one axis at a time."""
    return [("Tile", {"tiles": count, "axis": axis}) for axis, count in enumerate(repeats) if count != 1]


def expand(old: Shape, new: Shape) -> list[Step]:
    """Return steps that broadcast a shape to another.

    >>> [kind for kind, _ in expand((3, 1), (2, 3, 4))]
    ['ExpandDims', 'Tile', 'Tile']
    """
    added = len(new) - len(old)
    dims: list[Step] = [("ExpandDims", {"dims": tuple(range(added))})] if added else []
    full = (1,) * added + old
    return dims + tile([after if before == 1 else 1 for before, after in zip(full, new, strict=True)])


def crop(shape: Shape, bounds: Sequence[tuple[int, int]]) -> list[Step]:
    """Return steps that crop each axis to bounds (first, last + 1).

    Caffe2 slices one axis at a time, and an end of -1 means the end of the axis.

    >>> crop((2, 5), [(0, 2), (1, 5)])
    [('Slice', {'starts': (0, 1), 'ends': (-1, -1)})]
    """
    steps: list[Step] = []
    for axis, (size, (first, last)) in enumerate(zip(shape, bounds, strict=True)):
        if (first, last) != (0, size):
            starts, ends = [0] * len(shape), [-1] * len(shape)
            starts[axis], ends[axis] = first, last if last < size else -1
            steps.append(("Slice", {"starts": tuple(starts), "ends": tuple(ends)}))
    return steps


def crop_ends(shape: Shape, sizes: Shape) -> list[Step]:
    """Return steps that crop each axis at its end."""
    return crop(shape, [(0, size) for size in sizes])


def pad(
    shape: Shape, begins: Sequence[int], ends: Sequence[int], mode: str = "constant", value: float = 0.0
) -> list[Step]:
    """Return steps that pad each axis, or crop it if negative.

    PadImage pads the last two of four axes; others are reshaped to be among these.
    """
    turns = {
        axis: _turns(size, begin, end, mode)
        for axis, (size, begin, end) in enumerate(zip(shape, begins, ends, strict=True))
        if begin or end
    }
    how: dict[str, ArgumentValue] = {"mode": mode, "value": value} if mode == "constant" else {"mode": mode}
    at_once = all(len(turn) == 1 and (shape[axis] > 1 or mode != "reflect") for axis, turn in turns.items())
    if len(shape) == 4 and set(turns) <= {2, 3} and at_once:
        pads = (begins[2], begins[3], ends[2], ends[3])
        return [("PadImage", {"pads": pads, **how})] if turns else []
    steps: list[Step] = []
    for axis, turn in turns.items():
        before, after = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        steps += reshape(shape, (before, 1, shape[axis], after))
        # Mirroring a single place repeats it, but PadImage would read outside the image.
        here = {"mode": "edge"} if mode == "reflect" and shape[axis] == 1 else how
        steps += [("PadImage", {"pads": (begin, 0, end, 0), **here}) for begin, end in turn]
        whole = (*shape[:axis], shape[axis] + begins[axis] + ends[axis], *shape[axis + 1 :])
        steps += reshape((before, 1, whole[axis], after), whole)
        shape = whole
    return steps


def _turns(size: int, begin: int, end: int, mode: str) -> list[tuple[int, int]]:
    """Return a padding as several that PadImage can do, each of fewer than `size` places if it mirrors.

    PadImage would read outside the image for more. After all of the axis has been mirrored at one end, it is mirrored
    again there.

    >>> _turns(3, 1, 2, "reflect"), _turns(3, 1, 7, "reflect"), _turns(3, 1, 7, "edge")
    ([(1, 2)], [(1, 2), (0, 5)], [(1, 7)])
    """
    period = size - 1
    if mode != "reflect" or not period:
        return [(begin, end)]
    turns = []
    while max(begin, end) >= size:
        whole = (size - 1) // period * period
        before, after = min(whole, max(0, begin)), min(whole, max(0, end))
        turns.append((before, after))
        begin, end, size = begin - before, end - after, size + before + after
    return [*turns, (begin, end)]


def on_numbers(dtype: str, steps: list[Step]) -> list[Step]:
    """Return steps, which Caffe2 supports only for numbers, wrapped in casts if they are for bools."""
    if dtype != "bool" or not steps:
        return steps
    return [("Cast", {"to": INT32}), *steps, ("Cast", {"to": BOOL})]
