"""States what confirms each step of a conversion, since a reader and a writer of one program can share a mistake.

A step is judged if something outside of this program computed the same: an independent runtime that ran the files, or
the original network, whose outputs the user has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import formats
from pipeline.graph.neutral import GRAPH

if TYPE_CHECKING:  # this module is also imported where nothing is checked
    from pipeline.verification.check import Candidate, Check

FILE = "verification.json"
JUDGED, DIFFERS, ITSELF, NOT_JUDGED = "judged", "differs", "itself", "not judged"
_SAID = {
    JUDGED: "judged by",
    DIFFERS: "differs in",
    ITSELF: "agrees with itself only",
    NOT_JUDGED: "not judged",
}
_STEPS = {"caffe": "emission", "caffe2": "translation"}


@dataclass(frozen=True, slots=True)
class Witness:
    """A runtime that has checked values of a step, and their largest difference relative to max(1, max |b|)."""

    by: str
    values: int
    relative: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What confirms a step ("import", "emission", "translation", "to ONNX").

    `state` is "judged", "differs", "itself" (it agrees with itself only) or "not judged". `by` names the runtimes that
    checked it; if there are none, `why` says what prevented it.
    """

    step: str
    state: str
    by: tuple[Witness, ...] = ()
    why: str = ""


def gather(
    artifacts: Sequence[Candidate], checks: Sequence[Check], absence: Callable[[str], str]
) -> tuple[Evidence, ...]:
    """Return the evidence for each step that made an artifact, except those before an edited net.

    The first is the import, which runtimes that read the user's own file check as well. `absence` returns why no
    program ran the artifacts of a kind.
    """
    own = [artifact.kind for artifact in artifacts if _is_own(artifact.kind)]
    first, *made = (artifact for artifact in artifacts if artifact.binding and artifact.kind not in own)
    steps = {"import": [first.kind, *own]} | {_step(net.kind): [net.kind] for net in made}
    return tuple(_of(step, kinds, checks, absence) for step, kinds in steps.items())


def _is_own(kind: str) -> bool:
    """Return whether a network of this kind is the user's own file, not an artifact."""
    known = formats.named(kind)
    return known is not None and not known.is_artifact


def _step(kind: str) -> str:
    known = formats.named(kind)
    return _STEPS.get(kind) or (f"to {known.title}" if known else kind)


def _of(step: str, kinds: Sequence[str], checks: Sequence[Check], absence: Callable[[str], str]) -> Evidence:
    about = [check for check in checks if check.reads in kinds]
    others = [check for check in about if check.independent]
    if apart := [check for check in about if check.binding and check.status == "differs"]:
        return Evidence(step, DIFFERS, _witnesses(apart))
    if agree := [check for check in others if check.status == "agrees"]:
        return Evidence(step, JUDGED, _witnesses(agree))
    why = "; ".join(_silence(step, kinds, others, absence))
    if own := [check for check in about if not check.independent and check.binding and check.status == "agrees"]:
        return Evidence(step, ITSELF, _witnesses(own), why)
    return Evidence(step, NOT_JUDGED, (), why)


def _witnesses(checks: Sequence[Check]) -> tuple[Witness, ...]:
    return tuple(Witness(check.by, check.seen, check.worst.relative) for check in checks)


def _silence(step: str, kinds: Sequence[str], others: Sequence[Check], absence: Callable[[str], str]) -> list[str]:
    """Return why no runtime judged the step that made the first of `kinds`, possibly from the last."""
    told = [f"{check.by}: {check.skipped or 'it gives other numbers, and may rightly'}" for check in others]
    if step == "import" and not any(check.reads == kinds[0] for check in others):
        told.insert(0, "no outputs of the original were given (--reference)")
    if kinds[-1] == GRAPH.name:
        told.append("--root, --states and --drop-loss make a network that no other program finds in the file")
    elif not any(check.reads == kinds[-1] for check in others):
        told.append(absence(kinds[-1]))
    return told


def words(evidence: Mapping[str, Any]) -> tuple[str, str]:
    """Return the evidence of a step, as `verification.json` has it, in words: what is so, and by whom or why.

    >>> words({"state": "judged", "by": [{"by": "Caffe 1.0.0", "values": 12, "relative": 2e-7}], "why": ""})
    ('judged by', 'Caffe 1.0.0 (12 values, worst 2e-07)')
    """
    by = ", ".join(f"{w['by']} ({_count(w['values'])}, worst {float(w['relative']):.2g})" for w in evidence["by"])
    return _SAID[evidence["state"]], by if evidence["state"] in (JUDGED, DIFFERS) else evidence["why"]


def _count(values: int) -> str:
    return f"{values:,} value" + ("s" if values != 1 else "")
