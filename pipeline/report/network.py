"""The network of a run as layers, edges and statistics of weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from pipeline import formats
from pipeline.formats import Location
from pipeline.graph import cost
from pipeline.graph.operators.receptive_field import ReceptiveField
from pipeline.graph.values import Attribute, Graph, Node
from pipeline.inspection.statistics import statistics
from pipeline.report.data import LayerRow, NetworkSummary, Weight
from pipeline.report.words import TIMES

INPUT = "Input"


def network(folder: Path, inputs: tuple[str, ...] = ()) -> NetworkSummary:
    """Read the network that came first in a run's folder, every number of its weights included.

    `inputs` are the shapes that the run was given. Raises what its reader raises.
    """
    known, source = formats.locate(Location(folder, inputs=inputs))
    return of_graph(known.read(source).graph, source.role)


def of_graph(graph: Graph, kind: str = "graph") -> NetworkSummary:
    """Describe a graph; `kind` says what it was read from."""
    weights = tuple(
        Weight(name, array.shape, str(array.dtype), statistics(array)) for name, array in graph.weights.items()
    )
    places = {weight.name: place for place, weight in enumerate(weights)}
    fields = cost.receptive_fields(graph)
    results = {value.name for value in graph.outputs}
    layers = [
        LayerRow(i, value.name, INPUT, "input", "", "", (), (value,), is_output=value.name in results)
        for i, value in enumerate(graph.inputs)
    ]
    makers = {value.name: i for i, value in enumerate(graph.inputs)}
    edges: dict[tuple[int, int], None] = {}
    for node in graph.nodes:
        index = len(layers)
        taken = [value.name for value in node.inputs if value is not None]
        edges |= {(makers[name], index): None for name in taken if name in makers}
        makers |= {value.name: index for value in node.outputs}
        layers.append(
            LayerRow(
                index,
                node.name,
                node.operator.name,
                _family(node),
                node.origin.path,
                node.origin.kind,
                tuple(name for name in taken if name not in places),
                node.outputs,
                _attributes(node.operator.attributes),
                tuple(dict.fromkeys(places[name] for name in taken if name in places)),
                cost.parameters(node, graph),
                cost.cost(node),
                cost.activation_bytes(node),
                _sees(fields[node.output.name]),
                any(value.name in results for value in node.outputs),
            )
        )
    return NetworkSummary(graph.name, kind, tuple(layers), tuple(edges), weights)


def _family(node: Node) -> str:
    """Name the family of an operator: the file that defines it."""
    return type(node.operator).__module__.rpartition(".")[2]


def _attributes(attributes: Mapping[str, Attribute]) -> dict[str, str]:
    return {name: ", ".join(map(str, v)) if isinstance(v, tuple) else str(v) for name, v in attributes.items()}


def _sees(fields: tuple[ReceptiveField, ...] | None) -> str:
    """Word a receptive field: what a place of the output sees of the input, and how far its neighbour is."""
    if not fields:
        return ""
    sizes = TIMES.join(f"{math.ceil(field.size)}" for field in fields)
    return f"{sizes}, step " + TIMES.join(f"{float(field.step):g}" for field in fields)
