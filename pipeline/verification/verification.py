"""Checking that a converted network computes the same numbers: every value, in every artifact, by every runtime.

The reference is the network that came first: the graph of the Torch7 file, or a Caffe pair that the user gave or
edited. How far an edited net is from what it was before is told, and is no fault.
Each check then runs some artifact on the same inputs. Our own evaluator, on a pair that is read back, sees every
value; an independent runtime (OpenCV, Caffe, Caffe2, or outputs that the user has from the original) is evidence
that no mistake is shared between our readers and writers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import MachineError, VerificationError
from pipeline.graph.comparison import Difference, compare
from pipeline.graph.evaluation import evaluate
from pipeline.graph.values import Graph, Shape, Value
from pipeline.runtimes.runtime import Job, Runtime
from pipeline.runtimes.runtime import run as run_files
from pipeline.verification import evidence
from pipeline.verification.evidence import Evidence
from pipeline.verification.feeds import Reference
from pipeline.verification.tolerance import NOISES, Tolerance

Array = np.ndarray[Any, Any]
Stream = Iterable[tuple[str, Array]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network in one format: its files by role, the graph read from them, and the blobs of its inputs and outputs.

    It does not bind where it may rightly compute something else than the reference.
    """

    kind: str  # the name of its format
    files: Mapping[str, Path]
    graph: Graph | None
    input_blobs: Sequence[str] = ()
    output_blobs: Sequence[str] = ()
    binding: bool = True
    title: str = ""  # what it is, if that is more than its kind

    @property
    def blobs(self) -> tuple[Sequence[str], Sequence[str]]:
        """The blobs of its inputs, and of its outputs."""
        return self.input_blobs, self.output_blobs


@dataclass(frozen=True, slots=True)
class Check:
    """What one runner found: how many values it has seen, the worst and the first that differs; or why none.

    `to_largest` is how far an output is apart at most, relative to its largest |b|, however small that is. A check that
    does not bind is an opinion: it is shown, and does not fail the run.
    """

    by: str
    reads: str
    independent: bool
    binding: bool = True
    seen: int = 0
    worst: Difference = field(default_factory=lambda: Difference(0.0, 0.0))
    worst_at: str = ""
    to_largest: float = 0.0
    diverges_at: str = ""
    reshaped: str = ""  # how its shape is another there, if that is the difference
    skipped: str = ""

    @property
    def series(self) -> str:
        """Its name where its values are told: one runtime may read several formats."""
        return f"{self.by}, {self.reads}" if self.independent else self.by

    @property
    def status(self) -> str:
        """One word: agrees, differs, or skipped where the runner could not run the files."""
        if self.skipped:
            return "skipped"
        return "differs" if self.diverges_at else "agrees"


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks, how far each value is apart by runner, and who bears each step out.

    `unheard` are runtimes that had to judge, and did not; `original` is what the original's own program computed, if it
    was asked.
    """

    tolerance: Tolerance
    inputs: str
    checks: tuple[Check, ...]
    values: Mapping[str, Mapping[str, Difference]]
    reference: Graph
    evidence: tuple[Evidence, ...] = ()
    unheard: tuple[str, ...] = ()
    original: tuple[Array, ...] = ()

    @property
    def passed(self) -> bool:
        """Return whether no binding check found a difference, and everybody who had to judge did."""
        return not self.unheard and not any(t.binding and t.status == "differs" for t in self.checks)


class Verifier:
    """The reference's values on the inputs at hand, against which runners are checked one by one."""

    def __init__(self, reference: Candidate, feeds: Sequence[Array], tolerance: Tolerance) -> None:
        assert reference.graph is not None
        self.graph = reference.graph
        self.feeds = feeds
        self.tolerance = tolerance
        self.known = {value.name: array for value, array in evaluate(self.graph, feeds)}
        self.known |= {value.name: array for value, array in zip(self.graph.inputs, feeds, strict=True)}
        self.known |= {v.name: np.asarray(self.graph.weights[v.name]) for v in self._constant_outputs()}
        self.values: dict[str, dict[str, Difference]] = {name: {} for name in self.known}
        self.original: tuple[Array, ...] = ()
        self.order = {name: place for place, name in enumerate(self.known)}

    def _constant_outputs(self) -> list[Value]:
        return [value for value in self.graph.outputs if value.name in self.graph.weights]

    def check(self, runner: str, artifact: Candidate, stream: Stream, *, independent: bool, binding: bool) -> Check:
        """Compare what a runner gives with the reference, by value; outputs are matched by position."""
        if not binding and len(artifact.output_blobs) != len(self.graph.outputs):
            why = f"it gives {len(artifact.output_blobs)} outputs, not {len(self.graph.outputs)}"
            return Check(runner, artifact.kind, independent, binding, skipped=why)
        outputs = dict(zip(artifact.output_blobs, (v.name for v in self.graph.outputs), strict=True))
        found: dict[str, Difference] = {}
        reshaped: dict[str, str] = {}
        for blob, array in stream:
            name = outputs.get(blob, blob)
            if name in self.known and (array.shape == self.known[name].shape or blob in outputs):
                found[name] = compare(array, self.known[name])
                if array.shape != self.known[name].shape:
                    reshaped[name] = f"it is {_spelt(array.shape)}, not {_spelt(self.known[name].shape)}"
        missing = [name for name in outputs.values() if name not in found]
        if missing:
            why = f"it gives no output {', '.join(missing)}"
            return Check(runner, artifact.kind, independent, binding, skipped=why)
        worst_at = max(found, key=lambda name: found[name].relative, default="")
        apart = [name for name, difference in found.items() if not self._allows(name, difference)]
        diverges_at = min(apart, key=self.order.__getitem__, default="")
        check = Check(
            runner,
            artifact.kind,
            independent,
            binding,
            seen=len(found),
            worst=found.get(worst_at, Difference(0.0, 0.0)),
            worst_at=worst_at if found and found[worst_at].maximum else "",
            to_largest=max((found[name].to_largest for name in outputs.values()), default=0.0),
            diverges_at=diverges_at,
            reshaped=reshaped.get(diverges_at, ""),
        )
        for name, difference in found.items():
            self.values[name][check.series] = difference
        return check

    def _allows(self, name: str, difference: Difference) -> bool:
        """Return whether a value is as it should be; an output that is small also by its own measure."""
        strict = self.tolerance.to_largest
        if not difference.within(self.tolerance.relative) or all(value.name != name for value in self.graph.outputs):
            return difference.within(self.tolerance.relative)
        if strict is not None:
            return difference.to_largest <= strict
        if difference.to_largest <= self.tolerance.relative:
            return True
        return difference.maximum <= NOISES * self.noise.get(name, math.inf)

    @cached_property
    def noise(self) -> Mapping[str, float]:
        """How far float32's rounding takes each output: how far it is from the same network in float64."""
        outputs = {value.name for value in self.graph.outputs}
        exact = {v.name: a for v, a in evaluate(self.graph, self.feeds, double=True) if v.name in outputs}
        return {name: compare(self.known[name], array).maximum for name, array in exact.items()}

    def read_back(self, artifact: Candidate) -> Check:
        """Check our own evaluator on an artifact that was read back into a graph."""
        assert artifact.graph is not None
        graph, title = artifact.graph, artifact.title or f"{artifact.kind} read back"
        if not artifact.binding and [v.shape for v in graph.inputs] != [feed.shape for feed in self.feeds]:
            shapes = ", ".join("x".join(map(str, value.shape)) for value in graph.inputs)
            return Check(title, artifact.kind, False, artifact.binding, skipped=f"it takes {shapes}")
        inputs = zip((value.name for value in graph.inputs), self.feeds, strict=True)
        weights = ((v.name, np.asarray(graph.weights[v.name])) for v in graph.outputs if v.name in graph.weights)
        stream = [*inputs, *weights]
        values = ((value.name, array) for value, array in evaluate(graph, self.feeds))
        return self.check(
            title, artifact, (pair for part in (stream, values) for pair in part),
            independent=False, binding=artifact.binding,
        )  # fmt: skip

    def run(self, runtime: Runtime, artifact: Candidate) -> Check:
        """Check an independent runtime on the artifact's files, unless it is known to be wrong about a layer."""
        binding = artifact.binding and not runtime.guesses

        def skip(why: str) -> Check:
            return Check(runtime.title, artifact.kind, True, binding, skipped=why)

        if doubt := runtime.doubt(artifact.files):
            return skip(doubt)
        feeds = dict(zip(artifact.input_blobs, self.feeds, strict=True))
        try:
            (result,) = run_files(runtime, [Job(artifact.files, feeds, artifact.output_blobs)])
        except MachineError as error:
            return skip(error.why or error.what)
        if not result.ok:
            return skip(f"{result.stage}: {result.error}")
        if runtime.executes:
            self.original = tuple(result.blobs[blob] for blob in artifact.output_blobs)
        blobs = self._squeezed(result.blobs, artifact) if runtime.pads_shapes else result.blobs
        return self.check(runtime.title, artifact, blobs.items(), independent=True, binding=binding)

    def _squeezed(self, blobs: Mapping[str, Array], artifact: Candidate) -> dict[str, Array]:
        """Take away the axes of 1 that a runtime adds to outputs."""
        shapes = {blob: v.shape for blob, v in zip(artifact.output_blobs, self.graph.outputs, strict=True)}
        return {
            blob: array.reshape(shapes[blob]) if blob in shapes and _same_but_ones(array.shape, shapes[blob]) else array
            for blob, array in blobs.items()
        }

    def known_outputs(self, runner: str, artifact: Candidate, outputs: Sequence[Array], binding: bool) -> Check:
        """Check outputs that somebody computed with the original, which need not be those of an edited net."""
        stream = zip(artifact.output_blobs, outputs, strict=binding)
        return self.check(runner, artifact, stream, independent=True, binding=binding)


def _spelt(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "a number"


def _same_but_ones(a: Shape, b: Shape) -> bool:
    return [extent for extent in a if extent != 1] == [extent for extent in b if extent != 1]


def verify(
    artifacts: Sequence[Candidate],
    reference: Reference,
    runtimes: Sequence[Runtime],
    tolerance: Tolerance,
    progress: Callable[[int, int, str], None] = lambda done, total, unit: None,
    before: Candidate | None = None,
    required: Sequence[str] = (),
) -> Verification:
    """Run every artifact in every way there is, and compare with the first one that is a graph.

    `before` is what the first one was before somebody edited it; `required` names runtimes that must have judged.
    """
    first = next(artifact for artifact in artifacts if artifact.graph is not None)
    verifier = Verifier(first, reference.inputs, tolerance)
    work: list[Callable[[], Check]] = []
    if reference.outputs:
        work.append(partial(verifier.known_outputs, reference.title, first, reference.outputs, before is None))
    if before is not None:
        work.append(partial(verifier.read_back, before))
    for artifact in artifacts:
        if artifact.graph is not None and artifact is not first:
            work.append(partial(verifier.read_back, artifact))
        readers = [runtime for runtime in runtimes if runtime.reads == artifact.kind]
        work += [partial(verifier.run, runtime, artifact) for runtime in readers]
    checks = []
    for done, step in enumerate(work):
        progress(done, len(work), "checks")
        checks.append(step())
    progress(len(work), len(work), "checks")
    heard = {check.by for check in checks if check.independent and not check.skipped}
    unheard = [name for name in required if not any(r.called(name) and r.title in heard for r in runtimes)]
    return Verification(
        tolerance,
        reference.title,
        tuple(checks),
        verifier.values,
        verifier.graph,
        evidence.gather(artifacts, checks),
        tuple(unheard),
        verifier.original,
    )


def as_json(verification: Verification) -> dict[str, Any]:
    """Return the verification as plain JSON values, for `verification.json`."""
    nodes = verification.reference.producers()

    def place(name: str) -> str:
        return str(nodes[name].origin) if name in nodes else "input"

    return {
        "passed": verification.passed,
        "tolerance": verification.tolerance.relative,
        "tolerance_to_largest": verification.tolerance.to_largest,
        "inputs": verification.inputs,
        "unheard": list(verification.unheard),
        "evidence": [
            {
                "step": step.step,
                "state": step.state,
                "by": [{"by": w.by, "values": w.values, "relative": _number(w.relative)} for w in step.by],
                "why": step.why,
            }
            for step in verification.evidence
        ],
        "checks": [
            {
                "by": check.by,
                "reads": check.reads,
                "series": check.series,
                "independent": check.independent,
                "binding": check.binding,
                "status": check.status,
                "values": check.seen,
                "max_abs": _number(check.worst.maximum),
                "relative": _number(check.worst.relative),
                "to_largest": _number(check.to_largest),
                "worst_at": check.worst_at,
                "diverges_at": check.diverges_at,
                "diverges_in": place(check.diverges_at) if check.diverges_at else "",
                "why": check.skipped or check.reshaped,
            }
            for check in verification.checks
        ],
        "values": [
            {
                "name": name,
                "origin": place(name),
                "operator": nodes[name].operator.name if name in nodes else "",
                "relative": {by: _number(difference.relative) for by, difference in found.items()},
            }
            for name, found in verification.values.items()
        ],
    }


def _number(value: float) -> float | str:
    """JSON has no infinity."""
    return float(f"{value:.3g}") if np.isfinite(value) else "inf"


def differing(verification: Verification) -> list[Check]:
    """Return the binding checks that found a difference, the one that diverges first in front."""
    order = {name: place for place, name in enumerate(verification.values)}
    apart = [check for check in verification.checks if check.binding and check.status == "differs"]
    return sorted(apart, key=lambda check: order[check.diverges_at])


def require(verification: Verification, smallest: str = "") -> None:
    """Raise VerificationError, with the first place that differs, unless the verification passed.

    `smallest` is the file with the smallest part of the network that differs, where one was found.
    """
    if verification.passed:
        return
    apart = differing(verification)
    if not apart:
        raise _unheard(verification)
    nodes = verification.reference.producers()
    first = apart[0]
    node = nodes.get(first.diverges_at)
    raise VerificationError(
        f"{' and '.join(check.by for check in apart)}: other numbers than the original's",
        where=f"first in {first.diverges_at}, {node.origin}" if node else first.diverges_at,
        why=first.reshaped
        or f"off by {first.worst.relative:.2g} at most, relative to max(1, max |b|), in {first.worst_at}, "
        f"and by {first.to_largest:.2g} of an output's max |b|; {verification.tolerance} is allowed",
        advice="the files are there, and verification.json tells every value; do not trust them as they are"
        + (f";\n{smallest} is the smallest part that differs: attach it to a bug report" if smallest else ""),
    )


def _unheard(verification: Verification) -> VerificationError:
    """Word that a runtime was required to judge, and did not."""
    silent = [f"{c.by} ({c.reads}): {c.skipped}" for c in verification.checks if c.independent and c.skipped]
    return VerificationError(
        f"{', '.join(verification.unheard)} has not judged the files, and was required to",
        why="; ".join(silent) or "no file of this run is in a format that it reads",
        advice="the files are there; without --require-runtime the other checks decide",
    )
