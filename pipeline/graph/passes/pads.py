"""Pooling whose windows are rounded up, with pads in place of the rounding."""

from __future__ import annotations

from dataclasses import replace

from pipeline.graph.passes.registry import PASSES
from pipeline.graph.values import Attribute, Graph, Node, Shape, Value

POOLING = ("MaxPool", "AveragePool")
Ints = tuple[int, ...]


@PASSES.register("explicit_pads")
def explicit_pads(graph: Graph) -> Graph:
    """Say by pads at the end how many windows there are, so that no rounding mode is needed.

    An average that counts its padding counts no place behind it: where the last window reaches there, the counted
    padding becomes a Pad of its own.

    Given:
        y = MaxPool(x, ceil_mode=1)
    Result:
        y = MaxPool(x, ceil_mode=0, pads)    as many windows over the same places
    """
    taken = {value.name for value in (*graph.inputs, *graph.values())} | graph.weights.keys()
    nodes = [new for node in graph.nodes for new in (_explicit(node, taken) if _rounds_up(node) else (node,))]
    return replace(graph, nodes=tuple(nodes))


def _rounds_up(node: Node) -> bool:
    return node.operator in POOLING and bool(node.attributes.get("ceil_mode", 0))


def _explicit(node: Node, taken: set[str]) -> tuple[Node, ...]:
    pads = node.ints("pads")
    begins, ends = pads[: len(pads) // 2], pads[len(pads) // 2 :]
    reach = _reach(node, begins)
    inside = all(need <= end for need, end in zip(reach, ends, strict=True))
    if inside or not node.attributes.get("count_include_pad", 0):
        return (_pooling(node, (*begins, *reach)),)
    counted = tuple(min(need, end) for need, end in zip(reach, ends, strict=True))
    rest = tuple(need - end for need, end in zip(reach, counted, strict=True))
    plain = _pooling(node, (*(0,) * len(begins), *rest), count_include_pad=0)
    if not any((*begins, *counted)):
        return (plain,)
    pad = _pad(node, begins, counted, taken)
    return pad, replace(plain, inputs=(pad.output,))


def _reach(node: Node, begins: Ints) -> Ints:
    """Give the pads at the end with which the last window fits; negative ones, which crop, may remain negative."""
    ends = node.ints("pads")[len(begins) :]
    dilations = node.ints("dilations") if "dilations" in node.attributes else (1,) * len(begins)
    found = []
    for axis, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        window = (node.ints("kernel_shape")[axis] - 1) * dilations[axis] + 1
        last = (node.output.shape[axis + 2] - 1) * node.ints("strides")[axis]
        needed = last + window - begin - node.input(0).shape[axis + 2]
        found.append(needed if end < 0 else max(0, needed))
    return tuple(found)


def _pooling(node: Node, pads: Ints, **further: int) -> Node:
    return replace(node, attributes={**node.attributes, "ceil_mode": 0, "pads": pads, **further})


def _pad(node: Node, begins: Ints, ends: Ints, taken: set[str]) -> Node:
    x = node.input(0)
    name = f"{node.output.name}_padded"
    while name in taken:
        name += "_"
    taken.add(name)
    sizes = tuple(size + b + e for size, b, e in zip(x.shape[2:], begins, ends, strict=True))
    shape: Shape = (*x.shape[:2], *sizes)
    attributes: dict[str, Attribute] = {"pads": (0, 0, *begins, 0, 0, *ends), "mode": "constant", "value": 0.0}
    return Node(name, "Pad", (x,), (Value(name, shape),), attributes, node.origin)
