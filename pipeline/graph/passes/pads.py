"""Expresses poolings that round their windows up by explicit pads."""

from __future__ import annotations

from dataclasses import replace

from pipeline.graph.operators import AveragePool, Pad, RoundedPooling
from pipeline.graph.passes.registry import PASSES
from pipeline.graph.values import Graph, Node, Shape, Value

Ints = tuple[int, ...]


@PASSES.register("explicit_pads")
def explicit_pads(graph: Graph) -> Graph:
    """Add pads at the end of poolings, so that no rounding mode is needed.

    An average that counts its padding does not count places beyond it. If the last window extends beyond the padding,
    the counted padding becomes a separate Pad.

    Given:
        y = MaxPool(x, ceil_mode=1)
    Result:
        y = MaxPool(x, ceil_mode=0, pads)    as many windows over the same places
    """
    taken = {value.name for value in (*graph.inputs, *graph.values())} | graph.weights.keys()
    nodes = [new for node in graph.nodes for new in _explicit(node, taken)]
    return replace(graph, nodes=tuple(nodes))


def _explicit(node: Node, taken: set[str]) -> tuple[Node, ...]:
    pooling = node.operator
    if not isinstance(pooling, RoundedPooling) or not pooling.ceil_mode:
        return (node,)
    reach = _reach(pooling, node)
    plain = replace(pooling, ceil_mode=0, pads=(*pooling.begins, *reach))
    inside = all(need <= end for need, end in zip(reach, pooling.ends, strict=True))
    if inside or not (isinstance(plain, AveragePool) and plain.count_include_pad):
        return (replace(node, operator=plain),)
    counted = tuple(min(need, end) for need, end in zip(reach, pooling.ends, strict=True))
    rest = tuple(need - end for need, end in zip(reach, counted, strict=True))
    average = replace(node, operator=replace(plain, pads=(*(0,) * plain.axes, *rest), count_include_pad=0))
    if not any((*plain.begins, *counted)):
        return (average,)
    pad = _pad(node, plain.begins, counted, taken)
    return pad, replace(average, inputs=(pad.output,))


def _reach(pooling: RoundedPooling, node: Node) -> Ints:
    """Return the pads at the end with which the last window fits. Pads that crop may remain negative."""
    found = []
    for axis, (begin, end) in enumerate(zip(pooling.begins, pooling.ends, strict=True)):
        last = (node.output.shape[axis + 2] - 1) * pooling.strides[axis]
        needed = last + pooling.extents[axis] - begin - node.input(0).shape[axis + 2]
        found.append(needed if end < 0 else max(0, needed))
    return tuple(found)


def _pad(node: Node, begins: Ints, ends: Ints, taken: set[str]) -> Node:
    x = node.input(0)
    name = f"{node.output.name}_padded"
    while name in taken:
        name += "_"
    taken.add(name)
    sizes = tuple(size + b + e for size, b, e in zip(x.shape[2:], begins, ends, strict=True))
    shape: Shape = (*x.shape[:2], *sizes)
    pads = (0, 0, *begins, 0, 0, *ends)
    return Node(name, Pad(pads=pads), (x,), (Value(name, shape),), node.origin)
