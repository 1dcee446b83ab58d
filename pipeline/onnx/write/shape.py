"""Casts, and resizing."""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import Cast, Resize
from pipeline.graph.operators.resize import coordinates
from pipeline.graph.values import Graph, Node
from pipeline.onnx.tensors import TYPES
from pipeline.onnx.write.builder import Array, OnnxBuilder, writes


@writes(Cast)
def cast(node: Node[Cast], net: OnnxBuilder) -> None:
    """Cast, which knows types by their numbers."""
    net.give([net.name(node.input(0))], to=TYPES[node.operator.to])


def _same_places(node: Node[Resize], graph: Graph) -> bool:
    """Return whether runtimes use the same coordinates: they compute in float32, and copy axes that keep their size."""
    x, y, op = node.input(0), node.output, node.operator
    steps = op.steps(x.shape, y.shape)
    if x.rank != 4 or x.shape[:2] != y.shape[:2] or steps[:2] != (1, 1):
        return False
    for old, new, scale in zip(x.shape[2:], y.shape[2:], steps[2:], strict=True):
        exact = coordinates(old, new, scale, op.coordinate_transformation_mode)
        rounded = _rounded(old, new, scale, op.coordinate_transformation_mode)
        stored = np.float32(scale)
        if not op.sizes and {np.floor(old * stored), np.floor(old * float(stored))} != {new}:
            return False  # readers that multiply in another precision would compute another size
        if old == new and not np.array_equal(exact, np.arange(old)):
            return False
        if op.mode == "nearest" and not np.array_equal(np.floor(rounded), np.floor(exact)):
            return False
    return True


def _rounded(old: int, new: int, scale: float, mode: str) -> Array:
    """Return `coordinates` as a runtime computes them, in float32."""
    places = np.arange(new, dtype=np.float32)
    if mode == "align_corners":
        return places * np.float32(old - 1) / np.float32(max(new - 1, 1))
    clipped: Array = np.minimum(places / np.float32(scale), np.float32(old - 1))
    return clipped


@writes(Resize, where=_same_places)
def resize(node: Node[Resize], net: OnnxBuilder) -> None:
    """Write Resize, whose nearest number is the one at the floor of the coordinate."""
    op = node.operator
    given = ["", net.constant(np.array(op.scales, np.float32), "scales")]
    if op.sizes:
        given = ["", "", net.constant(np.array(op.sizes, np.int64), "sizes")]
    nearest = {"nearest_mode": "floor"} if op.mode == "nearest" else {}
    how = {"mode": op.mode, "coordinate_transformation_mode": op.coordinate_transformation_mode, **nearest}
    net.give([net.name(node.input(0)), *given], **how)
