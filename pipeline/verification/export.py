"""Writes a small network in every format, with inputs and expected outputs, for a bug report."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import formats
from pipeline.errors import MachineError, UnsupportedError, UsageError
from pipeline.graph import signature
from pipeline.graph.neutral import GRAPH
from pipeline.graph.signature import MANIFEST, Manifest
from pipeline.graph.values import Graph
from pipeline.verification import cut, feeds

Array = np.ndarray[Any, Any]
REFERENCE = "reference.npz"
_MOMENT = (1980, 1, 1, 0, 0, 0)  # of files in an archive, so that the same network gives the same bytes


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a network: its graph, its inputs, and its expected outputs.

    If `written` is given, the files are made from it: the same part of another network.
    """

    graph: Graph
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    written: Graph | None = None


def piece(graph: Graph, first: str, last: str, reference: feeds.Reference) -> Piece:
    """Cut the layers from `first` to `last` out of a network, and compute their inputs and outputs."""
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
    """Write a piece to the folder `place`, or to one file if it ends in .zip; return what was left out, and why.

    The files are those of a conversion (graph.json ... init_net.pb) and `reference.npz` with in0.. and out0..
    Raises UsageError if something is there already, MachineError if it cannot be written.
    """
    if os.path.lexists(place) and (not place.is_dir() or any(place.iterdir())):
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
    """Write the files of a piece to an empty folder; return what could not be written, and why."""
    GRAPH.write(found.graph, folder)
    ports = signature.of_graph(found.graph)
    notes: list[str] = []
    files: dict[str, str | list[str]] = {}
    for known in formats.FORMATS:
        if not known.writes:
            continue
        try:
            written = known.write(found.written or found.graph, folder)
        except UnsupportedError as error:
            notes += [f"{problem.origin}: {problem.reason}" for problem in error.problems]
            continue
        files |= known.listed([path.name for path in written.files.values()])
        ports = ports.with_blobs(known.name, written.inputs, written.outputs)
    feeds.write_reference(folder / REFERENCE, found.inputs, found.outputs)
    text = Manifest(ports, files).as_text({"cut": {**found.about, "left out": notes}})
    (folder / MANIFEST).write_bytes(text)
    return tuple(notes)


def archive(folder: Path, place: Path) -> None:
    """Pack the files of a folder into an archive. The same files give the same bytes."""
    with zipfile.ZipFile(place, "x") as packed:
        for path in sorted(folder.iterdir()):
            entry = zipfile.ZipInfo(path.name, _MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            with packed.open(entry, "w", force_zip64=True) as target, path.open("rb") as source:
                while chunk := source.read(1 << 20):
                    target.write(chunk)
