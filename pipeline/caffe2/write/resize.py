"""Resizing."""

from __future__ import annotations

import numpy as np

from pipeline.caffe2.write.builder import Array, Caffe2Builder, writes
from pipeline.graph.operators import Resize
from pipeline.graph.operators.resize import coordinates
from pipeline.graph.values import Node

ALIGNED = "align_corners"


@writes(Resize)
def resize(node: Node[Resize], net: Caffe2Builder) -> None:
    """ResizeNearest and UpsampleBilinear where their rule is the same; else the numbers are gathered, and mixed."""
    x, y = node.input(0), node.output
    mode, transformation = node.operator.mode, node.operator.coordinate_transformation_mode
    only_image = x.rank == 4 and x.shape[:2] == y.shape[:2]
    places = {
        axis: coordinates(old, new, scale, transformation)
        for axis, (old, new, scale) in enumerate(zip(x.shape, y.shape, _scales(node), strict=True))
        if not (old == new and (scale == 1 or transformation == ALIGNED))
    }
    if not places:
        net.give("Copy", net.blob(x))
    elif only_image and mode == "nearest" and set(places) <= {2, 3} and (scales := _nearest(node, places)):
        net.give("ResizeNearest", net.blob(x), height_scale=scales[0], width_scale=scales[1])
    elif only_image and mode == "linear" and transformation == ALIGNED:
        height, width = ((new + 0.5) / old for old, new in zip(x.shape[2:], y.shape[2:], strict=True))
        net.give("UpsampleBilinear", net.blob(x), height_scale=height, width_scale=width)
    else:
        _gather(node, net, places)


def _scales(node: Node[Resize]) -> tuple[float, ...]:
    return node.operator.steps(node.input(0).shape, node.output.shape)


def _nearest(node: Node[Resize], places: dict[int, Array]) -> tuple[float, ...] | None:
    """Return the scales with which ResizeNearest picks the same numbers; None if there are none.

    It takes int(place / scale), in float32 (caffe2/operators/resize_op.cc).
    """
    x, y = node.input(0), node.output
    scales = []
    for axis in (2, 3):
        old, new, scale = x.shape[axis], y.shape[axis], np.float32(_scales(node)[axis])
        wanted = places.get(axis, np.arange(new)).astype(np.int64)
        found = np.minimum((np.arange(new, dtype=np.float32) / scale).astype(np.int64), old - 1)
        if int(np.float32(old) * scale) != new or not np.array_equal(found, wanted):
            return None
        scales.append(float(scale))
    return tuple(scales)


def _gather(node: Node[Resize], net: Caffe2Builder, places: dict[int, Array]) -> None:
    """Gather along each axis in turn. Linear interpolation combines two neighbours: low + (high - low) part."""
    blob, linear = net.blob(node.input(0)), node.operator.mode == "linear"
    *_, last_axis = places
    for axis, at in places.items():
        last = axis == last_axis
        below = np.floor(at).astype(np.int64)
        index = net.constant(below, f"below{axis}")
        if not linear and last:
            net.give("Gather", blob, index, axis=axis)
            return
        low = net.step("Gather", blob, index, part=f"low{axis}", axis=axis)
        if not linear:
            blob = low
            continue
        above = np.minimum(below + 1, node.input(0).shape[axis] - 1)
        high = net.step("Gather", blob, net.constant(above, f"above{axis}"), part=f"high{axis}", axis=axis)
        step = net.step("Sub", high, low, part=f"step{axis}")
        part = net.constant((at - below).astype(np.float32), f"part{axis}")
        mixed = net.step("Mul", step, part, part=f"mixed{axis}", broadcast=1, axis=axis)
        if last:
            net.give("Add", low, mixed)
        else:
            blob = net.step("Add", low, mixed, part=f"axis{axis}")
