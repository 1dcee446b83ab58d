"""How the run of an output folder stands, from its record and from what lies there now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout

from pipeline.errors import MachineError
from pipeline.orchestration import delivery, guards, record
from pipeline.orchestration.machine import on_machine
from pipeline.orchestration.reporters import seconds_text, size_text
from pipeline.orchestration.store import Store


@dataclass(frozen=True, slots=True)
class Status:
    """A run's record; `state` is "killed" where the record says running and no process does."""

    folder: Path
    state: str
    record: record.RunRecord
    edited: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Give the status as JSON values."""
        return {**record.as_json(self.record), "state": self.state, "edited": list(self.edited)}

    def rows(self) -> list[tuple[str, ...]]:
        """Give the lines of a table for people."""
        asked, run = self.record.options, self.record
        rows: list[tuple[str, ...]] = [
            ("model", asked["model"]),
            ("state", self.state + (f": {run.error}" if run.error else "")),
            ("started", run.started),
            *([("finished", run.finished)] if run.finished else []),
            *([("edited", ", ".join(self.edited))] if self.edited else []),
        ]
        for stage in run.stages:
            facts = [stage.state]
            if stage.digest:
                facts += [seconds_text(stage.seconds), size_text(stage.size), stage.digest[:12]]
            rows.append((stage.name, "  ".join(facts)))
            rows.extend(("", reason) for reason in stage.reasons)
        return rows


def look(folder: Path) -> Status:
    """Read the status of an output folder. Raises UsageError where no run went there."""
    found = record.load(folder)
    store = Store(Path(found.store), create=False)
    with on_machine("reading the output folder", folder):
        edited = tuple(delivery.edited(folder, found.delivered, store.digests))
    alive = found.state == "running" and _alive(store, folder)
    state = "killed" if found.state == "running" and not alive else found.state
    return Status(folder, state, found, edited)


def _alive(store: Store, folder: Path) -> bool:
    try:
        with guards.only_one(store, folder):
            return False
    except (Timeout, MachineError):
        return True
