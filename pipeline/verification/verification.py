"""Checks that a converted network computes the same numbers: every value, in every artifact, by every runtime.

The reference is the first network: the graph of the Torch7 file, or the Caffe pair that the user gave or edited. For an
edited net, the difference from the net before the edit is shown, but is no error.

Each check runs an artifact on the same inputs. Our own evaluator, on files that were read back, compares every value.
An independent runtime (OpenCV, Caffe, Caffe2, or outputs from the original) shows that our readers and writers do not
share a mistake.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from pipeline.errors import VerificationError
from pipeline.graph.comparison import Difference
from pipeline.graph.values import Graph
from pipeline.runtimes import discovery
from pipeline.runtimes.runtime import Runtime
from pipeline.verification import evidence
from pipeline.verification.check import Candidate, Check
from pipeline.verification.evidence import Evidence
from pipeline.verification.feeds import Reference
from pipeline.verification.tolerance import Tolerance
from pipeline.verification.verifier import Verifier

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks, the differences of each value by runtime, and what confirms each step.

    `unheard` are required runtimes that have checked nothing. `original` is what the program of the original network
    computed, if it was one of the runtimes.
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
        """Whether no binding check found a difference, and all required runtimes have checked something."""
        return not self.unheard and not any(t.binding and t.status == "differs" for t in self.checks)


def verify(
    artifacts: Sequence[Candidate],
    reference: Reference,
    runtimes: Sequence[Runtime],
    tolerance: Tolerance,
    progress: Callable[[int, int, str], None] = lambda done, total, unit: None,
    before: Candidate | None = None,
    required: Sequence[str] = (),
) -> Verification:
    """Run every artifact in every available way, and compare it with the first one that has a graph.

    `before` is the first one before it was edited; `required` names runtimes that must check something.
    """
    first = next(artifact for artifact in artifacts if artifact.graph is not None)
    verifier = Verifier(first, reference.inputs, tolerance)
    work = [] if before is None else [partial(verifier.read_back, before)]
    if reference.outputs:
        work.insert(0, partial(verifier.known_outputs, reference.title, first, reference.outputs, before is None))
    for artifact in artifacts:
        if artifact.graph is not None and artifact is not first:
            work.append(partial(verifier.read_back, artifact))
        work += [partial(verifier.run, runtime, artifact) for runtime in runtimes if runtime.reads == artifact.kind]
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
        evidence.gather(artifacts, checks, partial(discovery.absence, os.environ)),
        tuple(unheard),
        verifier.original,
    )


def as_json(verification: Verification) -> dict[str, Any]:
    """Return the verification as JSON values, for `verification.json`."""
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
            _check_json(check, place(check.diverges_at) if check.diverges_at else "") for check in verification.checks
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


def _check_json(check: Check, diverges_in: str) -> dict[str, Any]:
    return {
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
        "diverges_in": diverges_in,
        "why": check.skipped or check.reshaped,
    }


def _number(value: float) -> float | str:
    """Return a number, or a word if it is infinite, which JSON cannot express."""
    return float(f"{value:.3g}") if np.isfinite(value) else "inf"


def differing(verification: Verification) -> list[Check]:
    """Return the binding checks that found a difference, the one that diverges earliest first."""
    order = {name: place for place, name in enumerate(verification.values)}
    apart = [check for check in verification.checks if check.binding and check.status == "differs"]
    return sorted(apart, key=lambda check: order[check.diverges_at])


def require(verification: Verification, smallest: str = "") -> None:
    """Raise VerificationError, with the first place that differs, unless the verification passed.

    `smallest` is the file with the smallest part of the network that differs, if one was found.
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
    """Return the error for required runtimes that have checked nothing."""
    silent = [f"{c.by} ({c.reads}): {c.skipped}" for c in verification.checks if c.independent and c.skipped]
    return VerificationError(
        f"{', '.join(verification.unheard)} has not judged the files, and was required to",
        why="; ".join(silent) or "no file of this run is in a format that it reads",
        advice="the files are there; without --require-runtime the other checks decide",
    )
