"""Resizing."""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import Resize
from pipeline.graph.operators.resize import coordinates
from pipeline.graph.values import Node
from pipeline.pytorch.code import Code, Literal, call, method
from pipeline.pytorch.write.builder import ModuleBuilder, writes
from pipeline.pytorch.write.convolution import alike

_MODES = {3: "linear", 4: "bilinear", 5: "trilinear"}


@writes(Resize)
def resize(node: Node[Resize], net: ModuleBuilder) -> None:
    """Upsample, where it looks at the same places; else the numbers are taken there axis by axis."""
    x, op = node.input(0), node.operator
    layer = _upsample(node)
    if layer is not None:
        net.layer(call("nn.Upsample", **layer), net.read(x))
        return
    y: Code = net.tensor(x)
    for axis, scale in enumerate(op.steps(x.shape, node.output.shape)):
        old, new = x.shape[axis], node.output.shape[axis]
        at = coordinates(old, new, scale, op.coordinate_transformation_mode)
        if not np.array_equal(at, np.arange(old)):
            y = _along(y, axis, at, old, node, net)
    net.give(y)


def _along(y: Code, axis: int, at: np.ndarray, old: int, node: Node[Resize], net: ModuleBuilder) -> Code:
    below = np.floor(at).astype(np.int64)
    low = method(y, "index_select", axis, net.constant(below, f"below{axis}"))
    if node.operator.mode == "nearest":
        return net.step(low, f"axis{axis}")
    above = net.constant(np.minimum(below + 1, old - 1), f"above{axis}")
    shape = (-1, *(1,) * (node.input(0).rank - 1 - axis))
    share = net.constant((at - below).astype(np.float32).reshape(shape), f"share{axis}")
    high = net.step(method(y, "index_select", axis, above), f"high{axis}")
    return net.step(call("torch.lerp", net.step(low, f"low{axis}"), high, share), f"axis{axis}")


def _upsample(node: Node[Resize]) -> dict[str, Literal] | None:
    """Return the keywords of an equivalent Upsample; None if there is none."""
    x, y, op = node.input(0), node.output, node.operator
    if x.rank not in _MODES or x.shape[:2] != y.shape[:2]:
        return None
    scales = op.steps(x.shape, y.shape)
    if op.mode == "linear" and op.coordinate_transformation_mode == "align_corners":
        return {"size": alike(y.shape[2:]), "mode": _MODES[x.rank], "align_corners": True}
    whole = all(scale == int(scale) for scale in scales)
    if op.mode == "nearest" and op.coordinate_transformation_mode == "asymmetric" and whole:
        return {"scale_factor": alike(tuple(map(int, scales[2:])))}
    return None
