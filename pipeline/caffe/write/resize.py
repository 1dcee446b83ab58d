"""Resizing: a deconvolution where pixels are repeated, else a matrix for each axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.caffe.write import layers
from pipeline.caffe.write.builder import Blob, CaffeBuilder, Parameter, writes
from pipeline.caffe.write.convolution import geometry
from pipeline.caffe.write.selection import select
from pipeline.graph.operators import Resize
from pipeline.graph.operators.resize import coordinates
from pipeline.graph.values import Node


@writes(Resize)
def resize(node: Node[Resize], net: CaffeBuilder) -> None:
    """Deconvolution, or for each axis its places or the weights of its places."""
    x, mode, shape = net.blob(node.input(0)), node.operator.mode, node.output.shape
    steps = node.operator.steps(x.shape, shape)
    transformation = node.operator.coordinate_transformation_mode
    if mode == "nearest" and transformation == "asymmetric" and _repeats(x, steps):
        net.give(node, _repeated(net, x, [int(step) for step in steps[2:]]))
        return
    for axis, (old, new) in enumerate(zip(x.shape, shape, strict=True)):
        places = coordinates(old, new, steps[axis], transformation)
        if mode == "nearest":
            x = select(net, x, axis, np.floor(places).astype(int).tolist())
        elif not np.array_equal(places, np.arange(old)):
            x = layers.matrix_along(net, x, axis, _interpolation(places, old))
    net.give(node, x)


def _repeats(x: Blob, steps: Sequence[float]) -> bool:
    """Return whether each spatial place is repeated a whole number of times, and no other axis changes."""
    return 3 <= x.rank <= 5 and steps[0] == steps[1] == 1 and all(step == int(step) for step in steps[2:])


def _repeated(net: CaffeBuilder, x: Blob, times: Sequence[int]) -> Blob:
    """Return x with repeated spatial places: a deconvolution of each channel with ones, as large as its stride."""
    channels = x.shape[1]
    message = {"num_output": channels, "bias_term": False, "group": channels} | geometry(times, times, [0] * len(times))
    shape = (*x.shape[:2], *(size * count for size, count in zip(x.shape[2:], times, strict=True)))
    ones = Parameter((channels, 1, *times), lambda: np.ones((channels, 1, *times), np.float32))
    return net.layer("Deconvolution", [x], shape, parameters=[ones], convolution_param=message)


def _interpolation(places: np.ndarray, size: int) -> Parameter:
    """Return the matrix that interpolates each of the `places` between its two neighbours on an axis of `size`."""

    def matrix() -> np.ndarray:
        low = np.floor(places).astype(int)
        high, rows, part = np.minimum(low + 1, size - 1), np.arange(len(places)), places - low
        weights = np.zeros((len(places), size), np.float64)
        np.add.at(weights, (rows, low), 1 - part)
        np.add.at(weights, (rows, high), part)
        return weights.astype(np.float32)

    return Parameter((len(places), size), matrix)
