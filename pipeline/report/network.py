"""Describes the network of a run: layers, edges and statistics of weights."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pipeline import formats
from pipeline.errors import PipelineError
from pipeline.formats import Location
from pipeline.graph import cost
from pipeline.graph.operators.receptive_field import ReceptiveField
from pipeline.graph.values import Attribute, Graph, Node
from pipeline.inspection import pictures
from pipeline.inspection.statistics import statistics
from pipeline.report.data import LayerRow, NetworkSummary, Weight
from pipeline.report.words import TIMES
from pipeline.verification.cut import values_of
from pipeline.verification.feeds import random_inputs, read_reference

INPUT = "Input"


def network(folder: Path, inputs: tuple[str, ...] = (), reference: Path | None = None, seed: int = 0) -> NetworkSummary:
    """Read the first network in the folder of a run, including all numbers of its weights.

    `inputs` are the shapes that the run was given. The feature maps of the first convolution are computed for the
    inputs of the `reference`, if it still exists, or for random ones with the `seed`. Raises what its reader raises.
    """
    known, source = formats.locate(Location(folder, inputs=inputs))
    graph = known.read(source).graph
    return replace(of_graph(graph, source.role), pictures=tuple(_pictures(graph, reference, seed)))


def _pictures(graph: Graph, reference: Path | None, seed: int) -> Iterator[pictures.Picture]:
    node, filters = pictures.first_convolution(graph), pictures.first_filters(graph)
    if node is None or filters is None:
        return
    yield filters
    shown = random_inputs(graph, seed)
    if reference is not None and reference.is_file():
        with suppress(PipelineError):  # it has changed since
            shown = read_reference(reference, graph)
    found = values_of(graph, shown.inputs, [node.output])
    yield pictures.feature_maps(node.name, found[node.output.name], shown.title)


def of_graph(graph: Graph, kind: str = "graph") -> NetworkSummary:
    """Describe a graph. `kind` is the format that it was read from."""
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
                node.operator.multiply_adds(node),
                cost.activation_bytes(node),
                _sees(fields[node.output.name]),
                any(value.name in results for value in node.outputs),
            )
        )
    return NetworkSummary(graph.name, kind, tuple(layers), tuple(edges), weights)


def _family(node: Node) -> str:
    """Return the family of an operator: the name of the file that defines it."""
    return type(node.operator).__module__.rpartition(".")[2]


def _attributes(attributes: Mapping[str, Attribute]) -> dict[str, str]:
    return {name: ", ".join(map(str, v)) if isinstance(v, tuple) else str(v) for name, v in attributes.items()}


def _sees(fields: tuple[ReceptiveField, ...] | None) -> str:
    """Return a receptive field in words: its size, and the distance between neighbours."""
    if not fields:
        return ""
    sizes = TIMES.join(f"{math.ceil(field.size)}" for field in fields)
    return f"{sizes}, step " + TIMES.join(f"{float(field.step):g}" for field in fields)
