"""What each command prints with `--json`, as types; `python -m pipeline.cli.answers` prints them as a JSON Schema.

Nothing here is imported where a command runs: the tests hold what commands print to these types.
"""

from __future__ import annotations

from dataclasses import make_dataclass
from typing import Any, NotRequired, TypedDict

from pipeline.cli.schema import published, written
from pipeline.engine.record import RunRecord
from pipeline.inspection.statistics import Statistics
from pipeline.inspection.support import Unknown
from pipeline.report.data import Report
from pipeline.runtimes.doctor import Finding
from pipeline.store.collect import Entry, Removal
from pipeline.store.exchange import Moved
from pipeline.store.lineage import Lineage

VERSION = 1  # raised where something is taken away or means something else

Problem = TypedDict("Problem", {"where": str, "why": str, "try": str})
Error = TypedDict("Error", {"kind": str, "what": str, "where": str, "why": str, "try": str, "problems": list[Problem]})


class Failure(TypedDict):
    """What any command prints where it stops: its exit code, and why."""

    exit_code: int
    error: Error


class Witness(TypedDict):
    """One that has seen values of a step, and how far they are apart at most, or "inf"."""

    by: str
    values: int
    relative: float | str


class Borne(TypedDict):
    """Who bears a step out: judged, differs, itself (it agrees with itself only) or not judged; else why nobody."""

    step: str
    state: str
    by: list[Witness]
    why: str


class Checked(TypedDict):
    """What one runner found: agrees, differs, or skipped and why; numbers that are not finite are "inf"."""

    by: str
    reads: str
    series: str
    independent: bool
    binding: bool
    status: str
    values: int
    max_abs: float | str
    relative: float | str
    to_largest: float | str
    worst_at: str
    diverges_at: str
    diverges_in: str
    why: str


class Compared(TypedDict):
    """A value of the network: how far it is apart, relative to max(1, max |b|), by `series`."""

    name: str
    origin: str
    operator: str
    relative: dict[str, float | str]


class Verified(TypedDict):
    """verification.json."""

    passed: bool
    tolerance: float
    tolerance_to_largest: float | None
    inputs: str
    unheard: list[str]
    evidence: list[Borne]
    checks: list[Checked]
    values: list[Compared]


class Converted(TypedDict):
    """How one conversion ended; `run` is its record, where it was begun, `verification` is verification.json."""

    model: str
    output: str
    state: str
    exit_code: int
    seconds: float
    errors: list[Error]
    run: written(RunRecord | None)  # type: ignore[valid-type]
    verification: Verified | None


class Conversions(TypedDict):
    """convert, resume, verify."""

    exit_code: int
    models: list[Converted]


class Reason(TypedDict):
    """Why a stage would run: as data and as a sentence."""

    kind: str
    name: str
    before: Any
    after: Any
    where: str
    text: str


class PlannedStage(TypedDict):
    """What would happen to a stage: hit, fetch, run or follows."""

    stage: str
    state: str
    key: str
    reasons: list[Reason]


class Planned(TypedDict):
    """The plan of one model; of several, `errors` tells why one of them has none."""

    model: str
    stages: list[PlannedStage]
    errors: list[Error]


class Plans(TypedDict):
    """plan."""

    exit_code: int
    models: list[Planned]


class Refused(TypedDict):
    """One thing in a network that cannot be converted."""

    origin: str
    reason: str
    advice: str


class Scanned(TypedDict):
    """What could not be converted of one model, and the last stage that was tried, or the first with problems.

    Of several, `errors` tells why one of them could not be looked at.
    """

    model: str
    stage: str
    problems: list[Refused]
    nodes: int
    notes: list[str]
    errors: list[Error]


class Scans(TypedDict):
    """scan."""

    exit_code: int
    models: list[Scanned]


class Left(TypedDict):
    """What a resume would do; `obstacle` says why it could not."""

    command: str
    stages: list[PlannedStage]
    obstacle: str


Standing = make_dataclass(
    "Standing",
    [("edited", list[str] | None), ("older", list[str] | None), ("resume", Left | None)],
    bases=(written(RunRecord),),
    namespace={
        "__doc__": "How a run stands: its record; of one alone also files that were edited, and those that an earlier"
        " run left."
    },
)


class Standings(TypedDict):
    """status."""

    models: list[Standing]  # type: ignore[valid-type]
    totals: dict[str, int]  # by state


# report: all that the page of each run tells.
Reports = make_dataclass("Reports", [("generator", str), ("models", list[written(Report)])])  # type: ignore[misc]


class Array(TypedDict):
    """A weight; with --stats, what its numbers are like."""

    shape: list[int]
    dtype: str
    statistics: NotRequired[Statistics]


Part = TypedDict(
    "Part",
    {
        "name": str,
        "type": str,
        "path": list[str],
        "from": str,
        "inputs": list[str],
        "outputs": list[str],
        "shapes": list[list[int]] | None,
        "attributes": dict[str, Any],
        "window": str,
        "parameters": int,
        "multiply_adds": int | None,
        "activation_bytes": int | None,
        "receptive_field": list[float] | None,
        "receptive_field_step": list[float] | None,
        "weights": dict[str, Array],
    },
)


class Totals(TypedDict):
    """The sums over a network."""

    layers: int
    parameters: int
    multiply_adds: int
    activation_bytes: int
    peak_activation_bytes: int | None


class Held(TypedDict):
    """Something that a file holds beside or around its network."""

    path: str
    kind: str
    value: str
    bytes: int


class Inspection(TypedDict):
    """inspect."""

    title: str
    format: str
    inputs: dict[str, list[int] | None]
    outputs: list[str]
    layers: list[Part]
    totals: Totals
    notes: list[str]
    contents: list[Held]


class Drawn(TypedDict):
    """inspect --filters: the picture, and in words what it shows."""

    output: str
    title: str
    caption: str


class Place(TypedDict):
    """inspect --tree: a place in the tree of names, with sums over what is there and inside."""

    path: list[str]
    types: list[str]
    parameters: int
    multiply_adds: int


class Changed(TypedDict):
    """One difference: removed, added, moved, operator, attribute, weight, input or output."""

    what: str
    where: str
    detail: str
    before: Any
    after: Any


class Apart(TypedDict):
    """How far an output is apart, absolutely and relative to max(1, max |b|); "inf" and "nan" are words."""

    max_abs: float | str
    relative: float | str


class Difference(TypedDict):
    """diff."""

    same: bool
    changes: list[Changed]
    renamed: list[list[str]]
    outputs: dict[str, Apart] | None
    outputs_agree: bool | None
    first_diverging: str
    not_compared: str
    tolerance: float


class Exported(TypedDict):
    """export-layer."""

    output: str
    nodes: list[str]
    left_out: list[str]


class Supported(TypedDict):
    """A row of operators: a name and what it becomes, by format."""

    name: str
    summary: str
    forms: dict[str, Any]


class Installed(TypedDict):
    """runtimes install: a runtime that is there now."""

    name: str
    interpreter: str


class Damaged(TypedDict):
    """cache check: what is not sound."""

    name: str
    problem: str


ANSWERS: dict[str, Any] = {
    "convert": Conversions,
    "resume": Conversions,
    "verify": Conversions,
    "plan": Plans,
    "scan": Scans,
    "status": Standings,
    "report": Reports,
    "inspect": Inspection,
    "inspect --tree": list[Place],
    "inspect --filters": Drawn,
    "diff": Difference,
    "export-layer": Exported,
    "lineage": list[Lineage],
    "operators": list[Supported],
    "operators --missing": list[Unknown],
    "doctor": list[Finding],
    "runtimes list": list[Finding],
    "runtimes install": list[Installed],
    "cache list": list[Entry],
    "cache collect": list[Removal],
    "cache check": list[Damaged],
    "cache push": list[Moved],
    "cache pull": list[Moved],
}


def schema() -> str:
    """Return the JSON Schema of all answers."""
    return published({**ANSWERS, "any command that stops": Failure}, VERSION)


if __name__ == "__main__":
    print(schema(), end="")
