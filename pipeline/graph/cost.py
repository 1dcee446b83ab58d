"""What a node costs besides its multiply-adds: parameters and bytes; and the receptive field of each value."""

from __future__ import annotations

from pipeline.graph.operators.receptive_field import ReceptiveField
from pipeline.graph.values import Graph, Node


def parameters(node: Node, graph: Graph) -> int:
    """Return the number of parameters of a node. A weight that several nodes share counts for each of them."""
    sizes = {value.name: value.size for value in node.inputs if value is not None}
    return sum(size for name, size in sizes.items() if name in graph.weights)


def activation_bytes(node: Node) -> int:
    """Return the bytes of the outputs of a node."""
    return sum(value.type.bytes for value in node.outputs)


def receptive_fields(graph: Graph) -> dict[str, tuple[ReceptiveField, ...] | None]:
    """Return the receptive field of each value along each spatial axis; None if it is the whole input or unknown."""
    fields: dict[str, tuple[ReceptiveField, ...] | None] = {
        value.name: (ReceptiveField(),) * (value.rank - 2) if value.rank > 2 else None for value in graph.inputs
    }
    for node in graph.nodes:
        taken = [fields[v.name] for v in node.inputs if v is not None and v.name in fields and v.rank > 2]
        known = [field for field in taken if field is not None]
        seen = None
        if known and len(known) == len(taken) and len({len(field) for field in known}) == 1:
            widest = tuple(max(axis, key=lambda field: field.size) for axis in zip(*known, strict=True))
            seen = node.operator.receptive_field(node, widest) if node.output.rank == len(widest) + 2 else None
        fields |= {value.name: seen for value in node.outputs}
    return fields
