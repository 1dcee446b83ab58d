"""The first sentence of a report: how far the converted networks can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.report.data import Parity, Report
from pipeline.report.words import number, plural

_UNFINISHED = {
    "failed": ("bad", "Failed", "The run failed before the networks were complete."),
    "interrupted": ("warn", "Interrupted", "The run was stopped; resume goes on from where it was."),
    "killed": ("warn", "Killed", "The process of this run died; resume goes on from where it was."),
    "waiting": ("warn", "Not begun", "The run is one of several that were to be done; resume begins it."),
    "running": ("warn", "Running", "The run has not ended yet."),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One word and a sentence; `tone` is good, warn or bad. `evidence` says who outside of this program agrees."""

    tone: str
    word: str
    sentence: str
    evidence: str = ""


def verdict(report: Report) -> Verdict:
    """Judge a run by its state and its verification."""
    if report.run.state in _UNFINISHED:
        return Verdict(*_UNFINISHED[report.run.state])
    if report.run.edited:
        return Verdict("warn", "Edited", f"Changed by hand since they were delivered: {', '.join(report.run.edited)}.")
    if report.parity is None:
        return Verdict("warn", "Not verified", "The numbers of the converted networks were not compared.")
    return _compared(report.parity)


def _compared(parity: Parity) -> Verdict:
    compared = sum(1 for found in parity.values.values() if found)
    worst = f"apart by {number(parity.worst)} at most, {number(parity.tolerance)} allowed"
    evidence = _evidence(parity)
    if not parity.passed:
        first = next((check for check in parity.checks if check.binding and check.diverges_at), None)
        where = f", first in {first.diverges_at}, {first.diverges_in}" if first else ""
        return Verdict("bad", "Numbers differ", f"Other numbers than the original's{where}: {worst}.", evidence)
    return Verdict("good", "Verified", f"{plural(compared, 'value')} compared, {worst}.", evidence)


def _evidence(parity: Parity) -> str:
    """Name the independent runtimes that bear the result out; a reader and a writer can share a mistake."""
    asked = [check for check in parity.checks if check.independent and check.binding]
    agree = dict.fromkeys(check.by for check in asked if check.status == "agrees")
    differ = dict.fromkeys(check.by for check in asked if check.status == "differs")
    if not agree and not differ:
        return "No independent runtime could run the files: only this program's own readers vouch for them."
    words = [f"that {what}: {', '.join(who)}" for what, who in (("agree", agree), ("differ", differ)) if who]
    return f"Independent runtimes {'; '.join(words)}."
