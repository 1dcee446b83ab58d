"""Finds the smallest part of a network that still differs from the original, for a bug report."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import formats
from pipeline.errors import MachineError, PipelineError
from pipeline.graph.comparison import Difference, compare
from pipeline.graph.evaluation import run as evaluate
from pipeline.graph.values import Graph, Value
from pipeline.runtimes.runtime import Job, Runtime
from pipeline.runtimes.runtime import run as run_files
from pipeline.verification import cut, export
from pipeline.verification.check import Candidate, Check
from pipeline.verification.verification import Verification, differing

Array = np.ndarray[Any, Any]
Run = Callable[[Graph, Sequence[Array]], Array]  # runs a network with one output on these inputs
FILE = "smallest_diverging.zip"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the original, the same part of a candidate, inputs, the expected output, and the difference."""

    original: Graph
    candidate: Graph
    inputs: tuple[Array, ...]
    expected: Array
    apart: Difference


def smallest_diverging(
    original: Graph, candidate: Graph, known: Mapping[str, Array], at: str, tolerance: float, run: Run, called: str = ""
) -> Span | None:
    """Find the fewest layers in front of the value `at` that give another one when all they take is right.

    Layers are counted between values that both networks have. `known` holds the original's values by name, `called`
    is the candidate's name for `at`. None where not even the whole network differs, run this way.
    """
    common = _common(original, candidate) - {at, called}
    distance = _distances(original, at, common)
    most = max((d for d in distance.values() if d < math.inf), default=1)

    def attempt(layers: int) -> Span | None:
        borders = {name for name in common if distance.get(name, math.inf) >= layers}
        borders |= {value.name for value in original.inputs}
        return _differs(original, candidate, known, (at, called or at), borders, tolerance, run)

    low, high, found = 0, 1, attempt(1)
    while found is None and high < most:
        low, high = high, min(2 * high, int(most))
        found = attempt(high)
    while found is not None and high - low > 1:  # with `low` layers they agree, with `high` layers they differ
        middle = (low + high) // 2
        closer = attempt(middle)
        low, high, found = (low, middle, closer) if closer else (middle, high, found)
    return found


def _common(original: Graph, candidate: Graph) -> set[str]:
    """Return the values that both networks have, except weights."""
    both = [{v.name: v.shape for v in (*graph.inputs, *graph.values())} for graph in (original, candidate)]
    return {name for name, shape in both[0].items() if both[1].get(name) == shape}


def _distances(graph: Graph, at: str, common: set[str]) -> dict[str, float]:
    """Return the number of common values on the shortest path from `at` back to each value, itself included."""
    found: dict[str, float] = {at: 0}
    for node in reversed(graph.nodes):
        near = min((found.get(value.name, math.inf) for value in node.outputs), default=math.inf)
        for value in node.inputs:
            if value is not None and near < math.inf:
                found[value.name] = min(found.get(value.name, math.inf), near + (value.name in common))
    return found


def _differs(
    original: Graph,
    candidate: Graph,
    known: Mapping[str, Array],
    at: tuple[str, str],
    borders: set[str],
    tolerance: float,
    run: Run,
) -> Span | None:
    """Run the nodes of the candidate after `borders` on values of the original; None if the result is right."""
    graphs = (original, candidate)
    parts = [cut.upstream(graph, name, borders) for graph, name in zip(graphs, at, strict=True)]
    if not all(parts):
        return None
    pieces = [cut.cut(graph, part, [name]) for graph, part, name in zip(graphs, parts, at, strict=True)]
    taken = {value.name: value for small in pieces for value in small.inputs}
    if not known.keys() >= taken.keys():
        return None  # the candidate depends on something that the original lacks
    inputs: tuple[Value, ...] = tuple(taken.values())
    first, second = (replace(small, inputs=inputs) for small in pieces)
    feeds = tuple(known[value.name] for value in inputs)
    apart = compare(run(second, feeds), known[at[0]])
    return None if apart.within(tolerance) else Span(first, second, feeds, known[at[0]], apart)


def keep(
    verification: Verification,
    artifacts: Sequence[Candidate],
    inputs: Sequence[Array],
    runtimes: Sequence[Runtime],
    folder: Path,
) -> str:
    """Write the smallest part that differs to `folder`, if a verification failed; return the name of the file, or "".

    Of several checks that differ, the one that diverges first and can be run on a part of the network is used.
    """
    for check in differing(verification):
        try:
            span = _span(verification, check, artifacts, inputs, runtimes)
        except PipelineError:  # the part is only a help: failing to find it must not hide the difference
            continue
        if span is not None:
            about = {
                "differs": check.by,
                "at": check.diverges_at,
                "max_abs": _number(span.apart.maximum),
                "relative": _number(span.apart.relative),
                "tolerance": verification.tolerance.relative,
            }
            piece = export.Piece(span.original, span.inputs, (span.expected,), about, span.candidate)
            export.save(piece, folder / FILE)
            return FILE
    return ""


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else "inf"


def _span(
    verification: Verification,
    check: Check,
    artifacts: Sequence[Candidate],
    inputs: Sequence[Array],
    runtimes: Sequence[Runtime],
) -> Span | None:
    original = verification.reference
    artifact = next((a for a in artifacts if a.kind == check.reads and a.graph is not None), None)
    runtime = next((found for found in runtimes if found.title == check.by), None)
    if artifact is None or artifact.graph is None or (runtime is None and artifact.graph is original):
        return None  # a network that cannot be cut, or outputs from a reference
    names = dict(zip((value.name for value in original.outputs), artifact.output_blobs, strict=True))
    values = [*original.inputs, *original.values()]
    known = cut.values_of(original, inputs, values)
    return smallest_diverging(
        original,
        artifact.graph,
        known,
        check.diverges_at,
        _tolerance(verification, known[check.diverges_at]),
        _by(runtime) if runtime else _read_back,
        names.get(check.diverges_at, ""),
    )


def _tolerance(verification: Verification, expected: Array) -> float:
    """Return the tolerance relative to max(1, max |b|) that also holds a small value to its own max |b|."""
    largest = float(np.abs(expected, where=np.isfinite(expected), out=np.zeros_like(expected)).max(initial=0.0))
    strict = verification.tolerance.to_largest
    relative = verification.tolerance.relative if strict is None else min(strict, verification.tolerance.relative)
    return relative * min(1.0, largest)


def _read_back(graph: Graph, arrays: Sequence[Array]) -> Array:
    return evaluate(graph, arrays)[0]


def _by(runtime: Runtime) -> Run:
    """Return a function that runs a network with an independent runtime, from files."""
    known = formats.named(runtime.reads)
    if known is None:
        raise MachineError(f"{runtime.title} reads no format that is written here")

    def run(graph: Graph, arrays: Sequence[Array]) -> Array:
        with tempfile.TemporaryDirectory(prefix="torch2caffe2-") as folder:
            written = known.write(graph, Path(folder))
            feeds = dict(zip(written.inputs, arrays, strict=True))
            (result,) = run_files(runtime, [Job(written.files, feeds, written.outputs)])
        if not result.ok:
            raise MachineError(f"{runtime.title} cannot run a part of the network", why=result.error)
        return result.blobs[written.outputs[0]]

    return run
