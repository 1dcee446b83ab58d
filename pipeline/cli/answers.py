"""The types of what each command prints with `--json`. `python -m pipeline.cli.answers` prints them as a JSON Schema.

No command imports this module: the tests check that the commands' output has these types.
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

VERSION = 1  # raised when something is removed or changes its meaning

Problem = TypedDict("Problem", {"where": str, "why": str, "try": str})
Error = TypedDict("Error", {"kind": str, "what": str, "where": str, "why": str, "try": str, "problems": list[Problem]})


class Failure(TypedDict):
    """What any command prints if it fails: its exit code, and why."""

    exit_code: int
    error: Error


class Witness(TypedDict):
    """A runtime that has checked values of a step, and their largest difference, or "inf"."""

    by: str
    values: int
    relative: float | str


class Borne(TypedDict):
    """Who confirms a step: judged, differs, itself (agrees with itself only) or not judged, and why not."""

    step: str
    state: str
    by: list[Witness]
    why: str


class Checked(TypedDict):
    """The result of one runtime: agrees, differs, or skipped and why. Numbers that are not finite are "inf"."""

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
    """A value of the network: its differences, relative to max(1, max |b|), by `series`."""

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
    """How one conversion ended. `run` is its record, if it was started; `verification` is verification.json."""

    model: str
    output: str
    state: str
    exit_code: int
    seconds: float
    errors: list[Error]
    run: written(RunRecord | None)  # type: ignore[valid-type]
    verification: Verified | None


class LeftOut(TypedDict):
    """A network in a folder of models that is left out, and why."""

    path: str
    why: str


class Conversions(TypedDict):
    """convert, resume, verify."""

    exit_code: int
    models: list[Converted]
    left_out: list[LeftOut]


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
    left_out: list[LeftOut]


class Refused(TypedDict):
    """One part of a network that cannot be converted."""

    origin: str
    reason: str
    advice: str


class Scanned(TypedDict):
    """What cannot be converted of one model, and the first stage with problems, or else the last stage.

    For several models, `errors` says why one of them could not be scanned.
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
    left_out: list[LeftOut]


class Left(TypedDict):
    """What a resume would do; `obstacle` says why it would fail."""

    command: str
    stages: list[PlannedStage]
    obstacle: str


Standing = make_dataclass(
    "Standing",
    [("edited", list[str] | None), ("older", list[str] | None), ("resume", Left | None)],
    bases=(written(RunRecord),),
    namespace={
        "__doc__": "The state of a run: its record and, if it is the only one, files that were edited, and those that"
        " an earlier run left."
    },
)


class Standings(TypedDict):
    """status."""

    models: list[Standing]  # type: ignore[valid-type]
    totals: dict[str, int]  # by state


# report: the contents of the page about each run.
Reports = make_dataclass("Reports", [("generator", str), ("models", list[written(Report)])])  # type: ignore[misc]


class Array(TypedDict):
    """A weight; with --stats, statistics of its numbers."""

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
    """Something else that a file holds beside or around its network."""

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
    """inspect --filters: the picture, and a description of it."""

    output: str
    title: str
    caption: str


class Place(TypedDict):
    """inspect --tree: a place in the tree of names, with sums over everything inside."""

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
    """The difference of an output, absolute and relative to max(1, max |b|); "inf" and "nan" are strings."""

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
    """A row of operators: a name, and its form in each format."""

    name: str
    summary: str
    forms: dict[str, Any]


class Installed(TypedDict):
    """runtimes install: a runtime that is installed now."""

    name: str
    interpreter: str


class Damaged(TypedDict):
    """cache check: a damaged artifact."""

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
