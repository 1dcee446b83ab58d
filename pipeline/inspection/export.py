"""A small network on disk, in every format, with inputs and the outputs that are expected: for a bug report."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import MachineError, Problem, UnsupportedError, UsageError
from pipeline.graph.values import Graph
from pipeline.inspection import cut, feeds

Array = np.ndarray[Any, Any]
REFERENCE = "reference.npz"
_MOMENT = (1980, 1, 1, 0, 0, 0)  # in an archive, so that the same network gives the same bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a network: its graph, what it takes, and what it must give."""

    graph: Graph
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    about: Mapping[str, Any] = field(default_factory=dict)


def piece(graph: Graph, first: str, last: str, reference: feeds.Reference) -> Piece:
    """Cut the layers from `first` to `last` out of a network, and compute what goes in and comes out there."""
    starts, ends = cut.named(graph, first), cut.named(graph, last)
    small = cut.cut(graph, cut.between(graph, starts, ends))
    known = cut.values_of(graph, reference.inputs, (*small.inputs, *small.outputs))
    about = {"network": graph.name, "from": first, "to": last, "inputs": reference.title}
    return Piece(
        small,
        tuple(known[value.name] for value in small.inputs),
        tuple(known[value.name] for value in small.outputs),
        about,
    )


def save(found: Piece, place: Path) -> tuple[str, ...]:
    """Write a piece into the folder `place`, or into one file where that ends in .zip; give what was left out, and why.

    The files are those of a conversion (graph.json ... init_net.pb) and `reference.npz` with in0.. and out0..
    Raises UsageError where there is something already, MachineError where it cannot be written.
    """
    if place.exists() and (place.is_file() or any(place.iterdir())):
        raise UsageError(f"{place} exists already", advice="choose another --output")
    try:
        if place.suffix == ".zip":
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="torch2caffe2-") as folder:
                notes = write(found, Path(folder))
                archive(Path(folder), place)
            return notes
        place.mkdir(parents=True, exist_ok=True)
        return write(found, place)
    except OSError as error:
        raise MachineError(f"{place} cannot be written", why=error.strerror or str(error)) from error


def write(found: Piece, folder: Path) -> tuple[str, ...]:
    """Write the files of a piece into an empty folder; give what could not be written, and why."""
    from pipeline.graph import serialization

    serialization.write(found.graph, folder)
    ports: dict[str, list[dict[str, Any]]] = {
        side: [{"name": value.name, "shape": list(value.shape), "dtype": value.dtype} for value in values]
        for side, values in (("inputs", found.graph.inputs), ("outputs", found.graph.outputs))
    }
    notes, files = [], {}
    for write_pair in (_caffe, _caffe2):
        try:
            files |= write_pair(found.graph, folder, ports)
        except UnsupportedError as error:
            notes += [_sentence(problem) for problem in error.problems]
    arrays = {f"in{i}": array for i, array in enumerate(found.inputs)}
    arrays |= {f"out{i}": array for i, array in enumerate(found.outputs)}
    np.savez(folder / REFERENCE, **arrays)  # type: ignore[arg-type]  # the keys are in0, out0 ...
    manifest = {**ports, "files": files, "cut": {**found.about, "left out": notes}}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return tuple(notes)


def _sentence(problem: Problem) -> str:
    return f"{problem.origin}: {problem.reason}"


def _caffe(graph: Graph, folder: Path, ports: Mapping[str, list[dict[str, Any]]]) -> dict[str, str]:
    from pipeline.caffe import files
    from pipeline.caffe.write import emit

    emission = emit(graph)
    files.write_pair(emission.net, folder / "deploy.prototxt", folder / "model.caffemodel", emission.comments)
    _name(ports, "caffe_blob", emission.inputs, emission.outputs)
    return {"prototxt": "deploy.prototxt", "caffemodel": "model.caffemodel"}


def _caffe2(graph: Graph, folder: Path, ports: Mapping[str, list[dict[str, Any]]]) -> dict[str, str]:
    from pipeline.caffe2 import files
    from pipeline.caffe2.write import write as translate

    net = translate(graph)
    predict, text, init = (folder / name for name in ("predict_net.pb", "predict_net.pbtxt", "init_net.pb"))
    files.write_pair(net, predict, text, init)
    inputs = net.predict.external_input[: len(graph.inputs)]
    _name(ports, "caffe2_blob", list(inputs), list(net.predict.external_output))
    return {"predict_net": predict.name, "init_net": init.name}


def _name(ports: Mapping[str, list[dict[str, Any]]], key: str, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    for side, blobs in (("inputs", inputs), ("outputs", outputs)):
        for port, blob in zip(ports[side], blobs, strict=True):
            port[key] = blob


def archive(folder: Path, place: Path) -> None:
    """Pack the files of a folder; the same files give the same bytes."""
    with zipfile.ZipFile(place, "w") as packed:
        for path in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(path.name, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with packed.open(entry, "w", force_zip64=True) as target, path.open("rb") as source:
                while chunk := source.read(1 << 20):
                    target.write(chunk)
