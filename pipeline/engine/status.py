"""How the run of an output folder stands, from its record and from what lies there now."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.engine import guards, planner, record, start
from pipeline.engine.reporters import seconds_text, size_text
from pipeline.errors import MachineError, PipelineError, render
from pipeline.stages.stage import Stage
from pipeline.store import ledger
from pipeline.store.machine import on_machine
from pipeline.store.store import Store


@dataclass(frozen=True, slots=True)
class Status:
    """A run's record; `state` is "killed" where the record says running and no process does."""

    folder: Path
    state: str
    record: record.RunRecord
    edited: tuple[str, ...]
    plan: tuple[planner.StagePlan, ...]  # of a resume, which adopts what was edited
    obstacle: str = ""  # why there is no plan

    @property
    def older(self) -> list[str]:
        """The delivered files that an earlier run has made, and this one has not."""
        made = {stage.key for stage in self.record.stages} | {
            given["key"] for given in self.record.source.get("given", ())
        }
        return [name for name, entry in self.record.delivered.items() if entry["key"] not in made]

    @property
    def command(self) -> str:
        """Return the command that the plan is of."""
        return shlex.join(["torch2caffe2", "resume", str(self.folder), *(["--adopt"] if self.edited else [])])

    def as_json(self) -> dict[str, Any]:
        """Return the status as JSON values."""
        resume = {"command": self.command, "stages": planner.as_json(self.plan), "obstacle": self.obstacle}
        return {
            **record.as_json(self.record),
            "state": self.state,
            "edited": list(self.edited),
            "older": self.older,
            "resume": resume,
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Return the lines of a table for people."""
        asked, run = self.record.options, self.record
        rows: list[tuple[str, ...]] = [
            ("model", asked["model"]),
            ("state", self.state + (f": {run.error}" if run.error else "")),
            ("started", run.started),
            *([("finished", run.finished)] if run.finished else []),
            *([("edited", ", ".join(self.edited))] if self.edited else []),
            *([("files", f"of an earlier run, not of this one: {', '.join(self.older)}")] if self.older else []),
        ]
        for stage in run.stages:
            facts = [stage.state]
            if stage.digest:
                facts += [seconds_text(stage.seconds), size_text(stage.size), stage.digest[:12]]
            rows.append((stage.name, "  ".join(facts)))
            rows.extend(("", reason) for reason in stage.reasons)
        return rows

    def line(self) -> tuple[str, ...]:
        """Return the line of a table of several runs: model, state, what is left to do, output, cause."""
        todo = [planned.stage for planned in self.plan if planned.state != "hit"]
        left = "cannot go on" if self.obstacle else ", ".join(todo)
        cause = self.record.error or self.obstacle.partition("\n")[0]
        return (self.record.options["name"], self.state, left, str(self.folder), cause)

    def plan_rows(self) -> list[tuple[str, ...]]:
        """Return the lines of a table of what a resume would do; none where every stage is a hit."""
        if all(planned.state == "hit" for planned in self.plan):
            return []
        return planner.rows(self.plan)


def look(folder: Path, stages: Sequence[Stage] | None = None) -> Status:
    """Read the status of an output folder, and what a resume would do. Raises UsageError where no run went there."""
    found = record.load(folder)
    store = Store(ledger.own_store(folder, found.mark, found.store), create=False)
    with on_machine("reading the output folder", folder):
        edited = tuple(start.not_adopted(found, folder, store))
    alive = found.state == "running" and _alive(folder)
    state = "killed" if found.state == "running" and not alive else found.state
    try:
        plan = planner.plan_resume(folder, found, adopt=bool(edited), stages=stages)
    except PipelineError as error:
        return Status(folder, state, found, edited, (), render(error).removeprefix("error: "))
    return Status(folder, state, found, edited, plan)


def _alive(folder: Path) -> bool:
    try:
        with guards.only_one(folder):
            return False
    except MachineError:
        return True
