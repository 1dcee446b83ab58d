"""What many operators ask of their inputs. Each raises ShapeError, with the shapes in its message."""

from __future__ import annotations

from itertools import zip_longest

from pipeline.graph.operators.operator import Ints, ShapeError
from pipeline.graph.values import Shape, Value


def positive_axis(axis: int, rank: int) -> int:
    """Return an axis counted from the front: -1 is the last of `rank`. Raises ShapeError for no axis.

    >>> positive_axis(-1, 4)
    3
    """
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} is not one of {rank} axes")
    return axis % rank


def positive_axes(axes: Ints, rank: int) -> Ints:
    """Return several different axes counted from the front, in the given order."""
    positive = tuple(positive_axis(axis, rank) for axis in axes)
    if len(set(positive)) < len(positive):
        raise ShapeError(f"axes {axes} of {rank} name one twice")
    return positive


def broadcast(*shapes: Shape) -> Shape:
    """Return the shape to which `shapes` are broadcast, by numpy's rule.

    >>> broadcast((2, 3, 4, 4), (3, 1, 1), ())
    (2, 3, 4, 4)
    """
    sizes = []
    for column in zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1):
        wanted = {size for size in column if size != 1}
        if len(wanted) > 1:
            raise ShapeError("shapes " + ", ".join(map(str, shapes)) + " cannot be broadcast together")
        sizes.append(wanted.pop() if wanted else 1)
    return tuple(reversed(sizes))


def check_broadcast_to(what: str, value: Value, shape: Shape) -> None:
    """Raise ShapeError unless `value` can be broadcast to `shape` without making it larger."""
    if broadcast(value.shape, shape) != shape:
        raise ShapeError(f"{what} of shape {value.shape} does not fit {shape}")


def check_rank(x: Value, rank: int) -> None:
    """Raise ShapeError unless `x` has `rank` axes."""
    if x.rank != rank:
        raise ShapeError(f"needs {rank} axes, not shape {x.shape}")


def check_minimum_rank(x: Value, rank: int) -> None:
    """Raise ShapeError unless `x` has at least `rank` axes."""
    if x.rank < rank:
        raise ShapeError(f"needs {rank} or more axes, not shape {x.shape}")


def check_shape(what: str, value: Value | None, shape: Shape) -> None:
    """Raise ShapeError unless `value`, if given, has exactly `shape`."""
    if value is not None and value.shape != shape:
        raise ShapeError(f"{what} has shape {value.shape}, not {shape}")


def common_dtype(*values: Value, allowed: tuple[str, ...] = ("float32", "int64")) -> str:
    """Return the common element type of `values`, which must be one of `allowed`. Raises ShapeError."""
    found = {value.dtype for value in values}
    if len(found) > 1 or not found <= set(allowed):
        raise ShapeError(f"needs one of {', '.join(allowed)} for all inputs, not {', '.join(sorted(found))}")
    return values[0].dtype


def check_float(*values: Value | None) -> None:
    """Raise ShapeError unless all inputs are float32."""
    for value in values:
        if value is not None and value.dtype != "float32":
            raise ShapeError(f"needs float32, not {value.dtype}")


def check_windows(axes: int, **geometry: Ints) -> None:
    """Raise ShapeError unless there are `axes` positive kernel sizes, strides and dilations, and two pads per axis.

    They are numbers of 32 bits, as in PyTorch and Caffe.
    """
    if not 1 <= axes <= 3:
        raise ShapeError(f"windows over {axes} axes; 1, 2 or 3 are possible")
    for name, numbers in geometry.items():
        wanted = axes * 2 if name == "pads" else axes
        if len(numbers) != wanted:
            raise ShapeError(f"{name} {numbers} has {len(numbers)} numbers, not {wanted}")
        if name != "pads" and min(numbers) < (0 if name == "output_padding" else 1):
            raise ShapeError(f"{name} {numbers} is too small")
        if max(map(abs, numbers)) >= 2**31:
            raise ShapeError(f"{name} {numbers} has more than 32 bits")
