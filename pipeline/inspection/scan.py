"""Everything about a model that convert could not handle, all at once, without writing a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import Problem, UnsupportedError
from pipeline.graph.values import Graph


@dataclass(frozen=True, slots=True)
class Scan:
    """How far a network would come: the problems of the first stage that has any, and how big the network is.

    `notes` are what its user should know without its being wrong.
    """

    stage: str
    problems: tuple[Problem, ...]
    nodes: int = 0
    notes: tuple[str, ...] = ()


def scan(
    model: Path,
    inputs: Sequence[str],
    root: str,
    plugins: Sequence[Path],
    weights: Path | None,
    *,
    keep_loss: bool = False,
) -> Scan:
    """Read, and plan each later stage on what the one before would give; stop where there are problems.

    Errors other than what is unsupported (a damaged file, a missing shape) are raised as convert would.
    """
    notes: list[str] = []
    try:
        if weights:
            graph = _given(model, inputs, weights, keep_loss, notes)
        else:
            graph = _imported(model, inputs, root, plugins, notes)
    except UnsupportedError as error:
        return Scan("translate" if weights else "import", error.problems)
    return replace(_translated(graph) if weights else _emitted(graph), notes=tuple(notes))


def _imported(model: Path, inputs: Sequence[str], root: str, plugins: Sequence[Path], notes: list[str]) -> Graph:
    from pipeline.graph.input_spec import parse_inputs
    from pipeline.torch7 import importer

    return importer.read(model, parse_inputs(inputs), root or None, plugins, notes=notes, likeliest=True)


def _given(prototxt: Path, inputs: Sequence[str], weights: Path, keep_loss: bool, notes: list[str]) -> Graph:
    from pipeline.caffe import files
    from pipeline.caffe.read import read
    from pipeline.caffe.read.given import input_shapes

    net = files.read_pair(prototxt, weights)
    return read(net, input_shapes(net, inputs, keep_loss=keep_loss), keep_loss=keep_loss, notes=notes)


def _emitted(graph: Graph) -> Scan:
    from pipeline.caffe import write
    from pipeline.caffe.read import read

    problems = write.unsupported(graph)
    if problems:
        return Scan("emit", problems, len(graph.nodes))
    return _translated(read(write.write(graph)))


def _translated(graph: Graph) -> Scan:
    from pipeline.caffe2 import write

    return Scan("translate", write.unsupported(graph), len(graph.nodes))
