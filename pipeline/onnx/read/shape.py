"""Casts, and resizing."""

from __future__ import annotations

from pipeline.graph.operators import Cast as CastOperator
from pipeline.graph.operators import Resize
from pipeline.onnx.read.operator import Operator
from pipeline.onnx.read.reader import OnnxReader, reads
from pipeline.onnx.read.same import number
from pipeline.onnx.tensors import TYPES

_NAMES = {kind: name for name, kind in TYPES.items()}


@reads("Cast")
def cast(op: Operator, net: OnnxReader) -> None:
    """Read a cast to one of the graph's types."""
    wanted = op.attribute("to")
    name = _NAMES.get(wanted)  # type: ignore[call-overload]  # an enum's numbers are ints
    if name is None:
        op.refuse(f"Cast.to is {wanted}, which is not one of {', '.join(_NAMES.values())}")
    net.give(CastOperator(to=name), op.inputs)


@reads("Resize")
def resize(op: Operator, net: OnnxReader) -> None:
    """Read a Resize that takes the number at the floor of the coordinate, or interpolates linearly."""
    mode = op.attribute("mode")
    if mode == "nearest" and op.attribute("nearest_mode") != "floor":
        op.refuse("Resize.nearest_mode is not floor")
    x, _, scales, sizes = (*op.inputs, "", "", "")[:4]
    given = {
        "mode": mode,
        "coordinate_transformation_mode": op.attribute("coordinate_transformation_mode"),
        "scales": number(op, net, scales, "scales", "Floats"),
        "sizes": number(op, net, sizes, "sizes", "Ints"),
    }
    net.give(Resize.of({name: value for name, value in given.items() if value}), [x])
