"""The state of a run, from its record and the files in its folder; of several runs, from their records only."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.config import Options
from pipeline.engine import guards, planner, record, start
from pipeline.engine.attempt import attempted
from pipeline.engine.reporters import left_text, seconds_text, size_text
from pipeline.errors import MachineError, PipelineError, render
from pipeline.stages.stage import Stage
from pipeline.store import ledger
from pipeline.store.machine import on_machine
from pipeline.store.store import Store, default_root


@dataclass(frozen=True, slots=True)
class Standing:
    """The record of a run. `state` is "killed" if the record says running, but no process runs it."""

    folder: Path
    state: str
    record: record.RunRecord

    @property
    def at(self) -> str:
        """The current stage, and for how long it has been running; or the stage where the run ended early."""
        for stage in self.record.stages:
            if stage.state not in ("done", "hit", "skipped"):
                running = self.state == stage.state == "running"
                return f"{stage.name}, for {left_text(_seconds(stage.started))}" if running else stage.name
        return ""

    def line(self) -> tuple[str, ...]:
        """Return the row in a table of several runs: model, state, stage, time, worker, output, cause."""
        run = self.record
        took = seconds_text(_seconds(run.started, run.finished)) if run.finished else ""
        return (run.options["name"], self.state, self.at, took, run.worker, str(self.folder), run.error)

    def as_json(self) -> dict[str, Any]:
        """Return the record as JSON values. What only `Status` knows is None."""
        return {**record.as_json(self.record), "state": self.state, "edited": None, "older": None, "resume": None}


@dataclass(frozen=True, slots=True)
class Status(Standing):
    """The state of a run, which of its files were changed, and what a resume would do."""

    edited: tuple[str, ...]
    plan: tuple[planner.StagePlan, ...]  # of a resume, which adopts edited files
    obstacle: str = ""  # why there is no plan

    @property
    def older(self) -> list[str]:
        """The delivered files that were made by an earlier run, not by this one."""
        source, delivered = self.record.source, self.record.delivered
        made = {each["key"] for each in source.get("given", ())} | {stage.key for stage in self.record.stages}
        read = {*source.get("files", {}).values()}  # a Caffe pair is delivered as it is
        return [name for name, entry in delivered.items() if entry["key"] not in made and entry["blake3"] not in read]

    @property
    def command(self) -> str:
        """The command that the plan is for."""
        return shlex.join(["torch2caffe2", "resume", str(self.folder), *(["--adopt"] if self.edited else [])])

    def as_json(self) -> dict[str, Any]:
        """Return the status as JSON values."""
        resume = {"command": self.command, "stages": planner.as_json(self.plan), "obstacle": self.obstacle}
        return {
            **Standing.as_json(self),
            "edited": list(self.edited),
            "older": self.older,
            "resume": resume,
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Return the rows of a table."""
        asked, run = self.record.options, self.record
        rows: list[tuple[str, ...]] = [
            ("model", asked["model"]),
            ("state", self.state + (f": {run.error}" if run.error not in ("", self.state) else "")),
            ("started", run.started),
            *([("worker", run.worker)] if run.worker else []),
            *([("stage", self.at)] if self.state == "running" else []),
            *([("finished", run.finished)] if run.finished else []),
            *([("edited", ", ".join(self.edited))] if self.edited else []),
            *([("files", f"of an earlier run, not of this one: {', '.join(self.older)}")] if self.older else []),
        ]
        for stage in run.stages:
            facts = [stage.state]
            if stage.digest:
                facts += [seconds_text(stage.seconds), size_text(stage.size)]
                facts += [f"key {stage.key[:12]}", f"digest {stage.digest[:12]}"]
            rows.append((stage.name, "  ".join(facts)))
            rows.extend(("", f"because {reason}") for reason in stage.reasons)
        return rows

    def plan_rows(self) -> list[tuple[str, ...]]:
        """Return the rows of a table of what a resume would do; empty if every stage is a hit."""
        if all(planned.state == "hit" for planned in self.plan):
            return []
        return planner.rows(self.plan)


def look(folder: Path, stages: Sequence[Stage] | None = None) -> Status:
    """Read the status of an output folder, and what a resume would do. Raises UsageError if no run went there."""
    standing = stand(folder)
    found = standing.record
    store = Store(ledger.own_store(folder, found.mark, found.store), create=False)
    with on_machine("reading the output folder", folder):
        edited = tuple(start.not_adopted(found, folder, store))
    try:
        plan = planner.plan_resume(folder, found, adopt=bool(edited), stages=stages)
    except PipelineError as error:
        return Status(folder, standing.state, found, edited, (), render(error).removeprefix("error: "))
    return Status(folder, standing.state, found, edited, plan)


def stand(folder: Path) -> Standing:
    """Read the state of the run in an output folder, from its record only. Raises as `look`."""
    found = record.load(folder)
    if found.state != "running" or _alive(folder):
        return Standing(folder, found.state, found)
    found = record.load(folder)  # as it may have ended just now
    return Standing(folder, "killed" if found.state == "running" else found.state, found)


def asked(options: Options) -> Standing:
    """Return the state of the run with these options. Without a record, it is waiting for its turn."""
    if (options.output / record.RECORD).exists():
        return stand(options.output)
    waiting = record.wait(options, options.store or default_root(), [], None)
    return Standing(options.output, waiting.state, waiting)


def each(folders: Iterable[Path], wanted: Iterable[Options] = ()) -> tuple[list[Standing], list[PipelineError]]:
    """Return the states of the runs in folders and with options, and the errors of records that cannot be read."""
    looks = [(folder, partial(stand, folder)) for folder in folders]
    looks += [(options.output, partial(asked, options)) for options in wanted]
    found = [attempted(look, "reading the output folder", folder) for folder, look in looks]
    return [one for one in found if isinstance(one, Standing)], [one for one in found if isinstance(one, PipelineError)]


def totals(standings: Iterable[Standing]) -> dict[str, int]:
    """Return the number of runs in each state."""
    return dict(Counter(each.state for each in standings).most_common())


def _seconds(began: str, ended: str = "") -> float:
    """Return the seconds between two times in ISO 8601, or until now; 0 if a record holds something else."""
    try:
        return max(0.0, (datetime.fromisoformat(ended or record.now()) - datetime.fromisoformat(began)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _alive(folder: Path) -> bool:
    try:
        return guards.is_held(folder)
    except MachineError:
        return True
