"""The inventory of a neutral graph: its nodes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.graph.values import Graph, Node
from pipeline.inspection.inventory import Inventory, Part, count, measured, peak_bytes

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def inventory(path: Path) -> Inventory:
    """List the nodes of the graph in `graph.json`. Errors as `pipeline.graph.serialization.read`."""
    graph = read(path)
    measures = measured(graph, lambda node: node.name)
    parts = []
    for node in graph.nodes:
        weights = _weights(node, graph)
        parts.append(
            Part(
                node.name,
                node.operator.name,
                tuple(value.name for value in node.inputs if value is not None and value.name not in graph.weights),
                tuple(value.name for value in node.outputs),
                node.operator.attributes,
                weights,
                count(weights.values()),
                (*node.origin.path.split("."), node.name) if node.origin.path else (node.name,),
                str(node.origin),
                measures[node.name],
            )
        )
    return Inventory(
        f"graph {graph.name}",
        "graph",
        "nodes",
        tuple(parts),
        {value.name: value.shape for value in graph.inputs},
        tuple(value.name for value in graph.outputs),
        peak_bytes=peak_bytes(graph),
    )


def read(path: Path) -> Graph:
    """Read the graph whose `graph.json` is `path`; UsageError where its weights do not lie beside it."""
    from pipeline.graph import serialization

    if path.name != serialization.GRAPH_FILE or not path.with_name(serialization.WEIGHTS_FILE).is_file():
        raise UsageError(
            f"{path} has no {serialization.WEIGHTS_FILE} beside it",
            advice=f"a graph is two files of one folder, {serialization.GRAPH_FILE} and {serialization.WEIGHTS_FILE}",
        )
    return serialization.read(path.parent)


def _weights(node: Node, graph: Graph) -> dict[str, Array]:
    names = (value.name for value in node.inputs if value is not None)
    return {name: graph.weights[name] for name in names if name in graph.weights}
