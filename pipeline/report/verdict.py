"""The verdict of a report: how far the converted networks can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.report.data import Evidence, Parity, Report
from pipeline.report.words import number, plural
from pipeline.verification.evidence import DIFFERS, JUDGED

_UNFINISHED = {
    "failed": ("bad", "Failed", "The run failed before the networks were complete."),
    "interrupted": ("warn", "Interrupted", "The run was stopped; resume goes on from where it was."),
    "killed": ("warn", "Killed", "The process of this run died; resume goes on from where it was."),
    "waiting": ("warn", "Not begun", "The run is one of several that were to be done; resume begins it."),
    "running": ("warn", "Running", "The run has not ended yet."),
}
# If independent runtimes confirm all steps, some steps, or none.
_GRADES = (("good", "Verified"), ("warn", "Partly verified"), ("warn", "Agrees with itself only"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """A word and a sentence. `tone` is good, warn or bad. `evidence` says which independent runtimes agree."""

    tone: str
    word: str
    sentence: str
    evidence: str = ""


def verdict(report: Report) -> Verdict:
    """Return the verdict about a run, from its state and its verification."""
    if report.run.state in _UNFINISHED:
        return Verdict(*_UNFINISHED[report.run.state])
    if report.run.edited:
        return Verdict("warn", "Edited", f"Changed by hand since they were delivered: {', '.join(report.run.edited)}.")
    if report.parity is None:
        return Verdict("warn", "Not verified", "The numbers of the converted networks were not compared.")
    return _compared(report.parity)


def _compared(parity: Parity) -> Verdict:
    compared = sum(1 for found in parity.values.values() if found)
    worst = f"largest difference {number(parity.worst)}, {number(parity.tolerance)} allowed"
    evidence = " ".join(map(_evidence, parity.evidence))
    if parity.unheard:
        silent = ", ".join(parity.unheard)
        return Verdict("bad", "Witness missing", f"{silent} was required to judge the files, and did not.", evidence)
    if not parity.passed:
        first = next((check for check in parity.checks if check.binding and check.diverges_at), None)
        where = f", first in {first.diverges_at}, {first.diverges_in}" if first else ""
        return Verdict("bad", "Numbers differ", f"Other numbers than the original's{where}: {worst}.", evidence)
    judged = sum(step.state == JUDGED for step in parity.evidence)
    tone, word = _GRADES[0 if judged == len(parity.evidence) else 1 if judged else 2]
    return Verdict(tone, word, f"{plural(compared, 'value')} compared, {worst}.", evidence)


def _evidence(step: Evidence) -> str:
    """Return in words which independent runtimes confirm a step."""
    said, by = step.words[0], ", ".join(step.by)
    if by:
        said += f" {by}" if step.state in (JUDGED, DIFFERS) else f" ({by})"
    return f"{step.step.capitalize()}: {said}."
