"""The layers of BVLC Caffe 1.0 as functions of blobs. Several of them add no layer if it would do nothing.

Longer combinations of layers are in the files of the operators that need them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import prod
from typing import Any

from pipeline.caffe.write.builder import Blob, CaffeBuilder, Parameter
from pipeline.graph.values import Shape


def reshape(net: CaffeBuilder, x: Blob, shape: Shape, part: str = "") -> Blob:
    """Return x in another shape, with a free batch size if possible.

    Sizes that do not change are copied (0 in Caffe), and the first of the others is inferred (-1).
    """
    if shape == x.shape:
        return x
    kept = 0
    while kept < min(len(shape), x.rank) and shape[kept] == x.shape[kept]:
        kept += 1
    dims = [0] * kept + list(shape[kept:])
    if kept == 0 and dims:
        dims[0] = -1
    return net.layer("Reshape", [x], shape, part=part, reshape_param={"shape": {"dim": dims}})


def power(
    net: CaffeBuilder, x: Blob, *, scale: float = 1.0, shift: float = 0.0, power: float = 1.0, part: str = ""
) -> Blob:
    """Return (shift + scale x) ** power."""
    given = {"power": (power, 1.0), "scale": (scale, 1.0), "shift": (shift, 0.0)}
    message = {name: number for name, (number, default) in given.items() if number != default}
    return net.layer("Power", [x], part=part, power_param=message) if message else x


def negative(net: CaffeBuilder, x: Blob) -> Blob:
    """Return -x."""
    return power(net, x, scale=-1.0, part="negative")


def complement(net: CaffeBuilder, x: Blob, part: str = "not") -> Blob:
    """Return 1 - x, the negation of x if it is 0 or 1."""
    return power(net, x, scale=-1.0, shift=1.0, part=part)


def filled(net: CaffeBuilder, x: Blob, number: float) -> Blob:
    """Return a blob of x's shape filled with a number: Power ignores its bottom if scale is 0 (power_layer.cpp)."""
    return power(net, x, scale=0.0, shift=number, part="constant")


def relu(net: CaffeBuilder, x: Blob, slope: float = 0.0) -> Blob:
    """Return x where x > 0, else slope x."""
    return net.layer("ReLU", [x], relu_param={"negative_slope": slope}) if slope else net.layer("ReLU", [x])


def threshold(net: CaffeBuilder, x: Blob, level: float) -> Blob:
    """Return 1 where x > level, else 0."""
    return net.layer("Threshold", [x], threshold_param={"threshold": level})


def weighted_sum(net: CaffeBuilder, xs: Sequence[Blob], coefficients: Sequence[float] = (), part: str = "") -> Blob:
    """Return the sum of blobs of one shape, each times its coefficient if there are any."""
    message: dict[str, Any] = {"operation": "SUM"}
    if any(number != 1 for number in coefficients):
        message["coeff"] = list(coefficients)
    elif len(xs) == 1:
        return xs[0]
    if len(xs) == 1:
        return power(net, xs[0], scale=coefficients[0], part=part)
    return net.layer("Eltwise", xs, part=part or "sum", eltwise_param=message)


def difference(net: CaffeBuilder, a: Blob, b: Blob) -> Blob:
    """Return a - b, of one shape."""
    return weighted_sum(net, [a, b], [1.0, -1.0], "difference")


def product(net: CaffeBuilder, xs: Sequence[Blob], part: str = "product") -> Blob:
    """Return the product of blobs of one shape."""
    return net.layer("Eltwise", xs, part=part, eltwise_param={"operation": "PROD"}) if len(xs) > 1 else xs[0]


def maximum(net: CaffeBuilder, xs: Sequence[Blob], part: str = "max") -> Blob:
    """Return the elementwise maximum of blobs of one shape."""
    return net.layer("Eltwise", xs, part=part, eltwise_param={"operation": "MAX"}) if len(xs) > 1 else xs[0]


def scale(net: CaffeBuilder, x: Blob, factor: Blob | Parameter, axis: int) -> Blob:
    """Return x times `factor`, whose axes are those of x from `axis` on."""
    return _along(net, "Scale", x, factor, axis)


def bias(net: CaffeBuilder, x: Blob, term: Blob | Parameter, axis: int, part: str = "") -> Blob:
    """Return x plus `term`, whose axes are those of x from `axis` on."""
    return _along(net, "Bias", x, term, axis, part)


def _along(net: CaffeBuilder, kind: str, x: Blob, other: Blob | Parameter, axis: int, part: str = "") -> Blob:
    bottoms, parameters, place = [x], [], {"axis": axis}
    if isinstance(other, Blob):
        bottoms.append(other)
    else:
        parameters.append(other)
        place["num_axes"] = len(other.shape)
    message: dict[str, Any] = {f"{kind.lower()}_param": place}
    return net.layer(kind, bottoms, part=part, parameters=parameters, **message)


def sliced(net: CaffeBuilder, x: Blob, axis: int, sizes: Sequence[int]) -> tuple[Blob, ...]:
    """Return x cut into pieces of `sizes`, all positive, along an axis."""
    if len(sizes) == 1:
        return (x,)
    shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in sizes]
    points = list(accumulate(sizes[:-1]))
    return net.layer_many("Slice", [x], shapes, slice_param={"axis": axis, "slice_point": points})


def cut(net: CaffeBuilder, x: Blob, axis: int, begin: int, end: int) -> Blob:
    """Return x[begin:end] along an axis."""
    edges = sorted({0, begin, end, x.shape[axis]})
    if not 0 <= begin < end <= x.shape[axis]:
        net.refuse(f"it takes nothing of an axis of {x.shape[axis]}, and Caffe's blobs are never empty")
    pieces = sliced(net, x, axis, [last - first for first, last in pairwise(edges)])
    return pieces[edges.index(begin)]


def concat(net: CaffeBuilder, xs: Sequence[Blob], axis: int) -> Blob:
    """Return blobs concatenated along an axis."""
    if len(xs) == 1:
        return xs[0]
    size = sum(x.shape[axis] for x in xs)
    shape = (*xs[0].shape[:axis], size, *xs[0].shape[axis + 1 :])
    return net.layer("Concat", xs, shape, concat_param={"axis": axis})


def tile(net: CaffeBuilder, x: Blob, axis: int, tiles: int) -> Blob:
    """Return x repeated `tiles` times along an axis."""
    if tiles == 1:
        return x
    shape = (*x.shape[:axis], x.shape[axis] * tiles, *x.shape[axis + 1 :])
    return net.layer("Tile", [x], shape, tile_param={"axis": axis, "tiles": tiles})


def expand(net: CaffeBuilder, x: Blob, shape: Shape) -> Blob:
    """Return x broadcast to `shape`."""
    x = reshape(net, x, (1,) * (len(shape) - x.rank) + x.shape)
    for axis, (old, new) in enumerate(zip(x.shape, shape, strict=True)):
        x = tile(net, x, axis, new // old)
    return x


def reduction(net: CaffeBuilder, x: Blob, axis: int, operation: str, coefficient: float = 1.0) -> Blob:
    """Return the SUM, ASUM, SUMSQ or MEAN of x over all axes from `axis` on, which disappear."""
    message: dict[str, Any] = {"operation": operation, "axis": axis}
    if coefficient != 1:
        message["coeff"] = coefficient
    return net.layer("Reduction", [x], x.shape[:axis], reduction_param=message)


def inner_product(net: CaffeBuilder, x: Blob, weight: Parameter, term: Parameter | None = None) -> Blob:
    """Return the product of a weight (outputs, inputs) and the last axis of x, plus `term`, if any."""
    axis, outputs = x.rank - 1, weight.shape[0]
    message = {"num_output": outputs, "axis": axis, "bias_term": term is not None}
    if axis == 1:
        del message["axis"]
    parameters = [weight] if term is None else [weight, term]
    return net.layer(
        "InnerProduct", [x], (*x.shape[:axis], outputs), parameters=parameters, inner_product_param=message
    )


def matrix_along(net: CaffeBuilder, x: Blob, axis: int, matrix: Parameter) -> Blob:
    """Return the product of a matrix (new size, old size) and every vector of x along an axis.

    It is computed by a convolution with a kernel of 1, for which the axis becomes the channels; along the last axis, by
    an InnerProduct.
    """
    new, old = matrix.shape
    shape = (*x.shape[:axis], new, *x.shape[axis + 1 :])
    if axis == x.rank - 1:
        return inner_product(net, x, matrix)
    if axis != 1 or x.rank != 4:
        x = reshape(net, x, (prod(x.shape[:axis]), old, prod(x.shape[axis + 1 :]), 1))
    message = {"num_output": new, "bias_term": False, "kernel_size": [1]}
    kernel = matrix.reshaped((new, old, 1, 1))
    y = net.layer("Convolution", [x], (x.shape[0], new, *x.shape[2:]), parameters=[kernel], convolution_param=message)
    return reshape(net, y, shape)


def softmax(net: CaffeBuilder, x: Blob, axis: int) -> Blob:
    """Return exp(x) divided by its sum along an axis."""
    return net.layer("Softmax", [x], softmax_param={"axis": axis}) if axis != 1 else net.layer("Softmax", [x])
