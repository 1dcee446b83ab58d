"""The format ONNX: a model, and a separate file of weights if the model would be too large."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipeline.graph.format import Format, Network, Note, Role, Source, Written, no_note
from pipeline.wire.progress import Progress, no_progress

if TYPE_CHECKING:
    from pipeline.graph.inventory import Inventory, Part
    from pipeline.graph.values import Graph, Shape

_MODEL = "model.onnx"
_GRAPH = 7  # the field of a ModelProto for the graph
_BEGINNING = re.compile(rb"\x08[\x03-\x7f][\x12\x1a\x22\x28\x32\x3a\x42]")  # field 1, a number; then one of 2 to 8


class Onnx(Format):
    """A ModelProto; `data` is the role of a separate file of its weights."""

    __slots__ = ()
    name = "onnx"
    title = "ONNX"
    roles = (Role("onnx", (_MODEL,), title="an ONNX model"), Role("data", (f"{_MODEL}.data",)))
    writes = True
    viewable = True

    def recognise(self, view: memoryview) -> str:
        """Tell a ModelProto by how all of them begin, the version, then who made it, or the graph; and by that."""
        from pipeline.wire.scan import first_of

        return "onnx" if _BEGINNING.match(view[:3]) and first_of(view, _GRAPH) else ""

    def read(self, source: Source, note: Note = no_note) -> Network:
        """Read a model with the given shapes, or those in the manifest of the run that wrote it, or a batch of one."""
        from pipeline.graph import signature
        from pipeline.onnx import files
        from pipeline.onnx.read import read

        model = files.read_model(source.path)
        inputs = [value.name for value in model.proto.graph.input if value.name not in model.weights]
        graph = read(model, _shapes(source, inputs))
        names = ([value.name for value in side] for side in (graph.inputs, graph.outputs))
        return Network(graph, source.signature or signature.of_graph(graph).with_blobs(self.name, *names))

    def inventory(self, source: Source) -> Inventory:
        """List the nodes of the model."""
        from pipeline.onnx.inventory import inventory

        return inventory(self, source)

    def known(self, parts: Iterable[Part]) -> Container[str]:
        """Return the operators that can be read."""
        from pipeline.onnx.read import READS

        return READS

    def write(
        self,
        graph: Graph,
        folder: Path,
        options: Mapping[str, Any] = MappingProxyType({}),
        progress: Progress = no_progress,
    ) -> Written:
        """Write each node as operators of opset 17."""
        from pipeline.onnx import files
        from pipeline.onnx.write import write

        model = write(graph)
        digests = files.write_model(model, folder / _MODEL, progress)
        sides = (model.proto.graph.input, model.proto.graph.output)
        inputs, outputs = (tuple(value.name for value in side) for side in sides)
        return Written(self.in_folder(folder), digests, inputs, outputs)

    def rehearse(self, graph: Graph) -> Graph:
        """Return the graph after writing it as nodes in memory, and reading these again."""
        from pipeline.onnx.read import read
        from pipeline.onnx.write import write

        return read(write(graph), {value.name: value.shape for value in graph.inputs})

    def beside(self, path: Path) -> Mapping[str, Path]:
        """Return the file of weights that programs usually write beside a model."""
        from pipeline.onnx.files import data_file

        return {"data": data_file(path)} if data_file(path).is_file() else {}

    def artifact(self, files: Mapping[str, Path]) -> Mapping[str, Path]:
        """Return a user's files by their names in an artifact. The model refers to its weights, so they keep theirs."""
        return {_MODEL: files["onnx"], **({files["data"].name: files["data"]} if "data" in files else {})}


def _shapes(source: Source, names: Sequence[str]) -> dict[str, Shape]:
    """Return the shapes of the inputs by name: those given, or else those that are recorded, if any."""
    from pipeline.graph.input_spec import by_name

    if source.inputs and source.signature is None:
        return by_name(names, source.inputs)
    ports = source.recorded().inputs
    return {port.blobs[Onnx.name]: port.shape for port in ports if port.blobs.get(Onnx.name) in names}


ONNX = Onnx()
