"""The neutral graph as a format of its own: `graph.json` and `weights.safetensors`."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipeline.errors import UsageError
from pipeline.graph.format import Format, Network, Note, Role, Source, Written, no_note
from pipeline.wire.progress import Progress, no_progress

if TYPE_CHECKING:
    import numpy as np

    from pipeline.graph.inventory import Inventory, Part
    from pipeline.graph.values import Graph, Node

    Array = np.ndarray[Any, Any]

GRAPH_FILE, WEIGHTS_FILE = "graph.json", "weights.safetensors"
_HEAD = 1 << 16  # bytes at the start of a file by which a graph is recognised


class Neutral(Format):
    """A file of nodes, one per line, and a file of their weights."""

    __slots__ = ()
    name = "graph"
    title = "the neutral graph"
    roles = (
        Role("graph", (GRAPH_FILE,), title="a graph"),
        Role("safetensors", (WEIGHTS_FILE,), only_weights=True, title="a file of safetensors"),
    )

    def recognise(self, view: memoryview) -> str:
        """Recognise JSON that has nodes, and the header of safetensors."""
        head = bytes(view[:_HEAD])
        if head.lstrip().startswith(b"{") and (b'"nodes"' in head or head.startswith(b'{\n"format"')):
            return "graph"
        is_header = head[8:10] == b'{"' and 2 <= int.from_bytes(head[:8], "little") <= len(view) - 8
        return "safetensors" if is_header else ""

    def read(self, source: Source, note: Note = no_note) -> Network:
        """Read a graph. Raises UsageError if its two files are not in one folder, under their usual names."""
        from pipeline.graph import serialization, signature

        path = source.path
        if path.name != GRAPH_FILE or not path.with_name(WEIGHTS_FILE).is_file():
            raise UsageError(
                f"{path} has no {WEIGHTS_FILE} beside it",
                advice=f"a graph is two files of one folder, {GRAPH_FILE} and {WEIGHTS_FILE}",
            )
        graph = serialization.read(path.parent)
        return Network(graph, source.signature or signature.of_graph(graph))

    def inventory(self, source: Source) -> Inventory:
        """List the nodes, or the arrays in a file of weights."""
        from pipeline.graph.inventory import Inventory, Part, measured, peak_bytes

        if source.role == "safetensors":
            held = self.weights(source)
            parts = tuple(Part(name, "", weights={name: array}, parameters=array.size) for name, array in held.items())
            return Inventory(f"weights in {source.path.name}", "safetensors", "arrays", parts)
        graph = self.read(source).graph
        measures = measured(graph, lambda node: node.name)
        return Inventory(
            f"graph {graph.name}",
            self.name,
            "nodes",
            tuple(_part(node, graph, measures[node.name]) for node in graph.nodes),
            {value.name: value.shape for value in graph.inputs},
            tuple(value.name for value in graph.outputs),
            peak_bytes=peak_bytes(graph),
        )

    def known(self, parts: Iterable[Part]) -> Container[str]:
        """Return all operators."""
        from pipeline.graph.operators import OPERATORS

        return OPERATORS

    def weights(self, source: Source) -> Mapping[str, Array]:
        """Read a safetensors file."""
        from pipeline.graph.safetensors import read_tensors

        return read_tensors(source.path)

    def write(
        self,
        graph: Graph,
        folder: Path,
        options: Mapping[str, Any] = MappingProxyType({}),
        progress: Progress = no_progress,
    ) -> Written:
        """Write both files. Every graph can be written."""
        from pipeline.graph import serialization

        digests = serialization.write(graph, folder, progress)
        names = [tuple(value.name for value in side) for side in (graph.inputs, graph.outputs)]
        return Written({"graph": folder / GRAPH_FILE, "safetensors": folder / WEIGHTS_FILE}, digests, *names)

    def rehearse(self, graph: Graph) -> Graph:
        """Return the graph itself: nothing is lost."""
        return graph

    def beside(self, path: Path) -> Mapping[str, Path]:
        """Return the file of weights."""
        weights = path.with_name(WEIGHTS_FILE)
        return {"safetensors": weights} if weights != path and weights.is_file() else {}


def _part(node: Node, graph: Graph, measure: Any) -> Part:  # noqa: ANN401 - a Measure
    from pipeline.graph.inventory import Part, count

    taken = [value.name for value in node.inputs if value is not None]
    weights = {name: graph.weights[name] for name in taken if name in graph.weights}
    return Part(
        node.name,
        node.operator.name,
        tuple(name for name in taken if name not in graph.weights),
        tuple(value.name for value in node.outputs),
        node.operator.attributes,
        weights,
        count(weights.values()),
        (*node.origin.path.split("."), node.name) if node.origin.path else (node.name,),
        str(node.origin),
        measure,
    )


GRAPH = Neutral()
