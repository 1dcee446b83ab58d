"""Reading the Caffe artifact: a pair that `emit` wrote, that a user brought, or that a user edited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.graph.values import Graph
from pipeline.stages import signature
from pipeline.stages.signature import Signature


@dataclass(frozen=True, slots=True)
class CaffePair:
    """The files of a Caffe artifact, their graph, and their signature with Caffe's blobs."""

    prototxt: Path
    weights: Path
    graph: Graph
    signature: Signature


def read(folder: Path, options: Mapping[str, Any], note: Callable[[str], None] | None = None) -> CaffePair:
    """Read the pair in an artifact's folder, with the shapes that the user gave for a pair of their own.

    Outputs are those of the artifact's signature while the net has them all, else Caffe's own. `note` is told
    what the user should know of the pair without its being wrong.
    """
    from pipeline.caffe import files
    from pipeline.caffe.read import read as read_graph
    from pipeline.caffe.read.given import input_shapes

    prototxt = folder / "deploy.prototxt"
    weights = next(path for path in sorted(folder.iterdir()) if path.name.startswith("model.caffemodel"))
    net = files.read_pair(prototxt, weights)
    known = signature.read(folder)
    tops = {top for layer in net.net.layer for top in layer.top}
    outputs = signature.blobs(known, "outputs", "caffe_blob") if known else []
    emitted = bool(outputs) and tops.issuperset(outputs)
    notes: list[str] = []
    graph = read_graph(
        net,
        None if known else input_shapes(net, options["inputs"], keep_loss=options["keep_loss"]),
        outputs=outputs if emitted else None,
        keep_loss=options["keep_loss"],
        notes=notes,
    )
    if note:
        for text in notes:
            note(text)
    own = signature.of_graph(graph)
    caffe = [value.name for value in graph.inputs], [value.name for value in graph.outputs]
    ports = known if known and emitted and _same_shapes(known, own) else signature.with_blobs(own, "caffe_blob", *caffe)
    return CaffePair(prototxt, weights, graph, ports)


def _same_shapes(a: Signature, b: Signature) -> bool:
    return all([p["shape"] for p in a[side]] == [p["shape"] for p in b[side]] for side in ("inputs", "outputs"))
