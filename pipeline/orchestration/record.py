"""The run record, `run.json` in the output folder: what was asked, how far it came, what was delivered."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pipeline
from pipeline.config import Options, from_json, to_json
from pipeline.errors import InvalidInputError, UsageError
from pipeline.orchestration import store

RECORD = "run.json"
FORMAT = 2


@dataclass(slots=True)
class StageRecord:
    """How one stage of a run fared; `state`: pending, running, hit, done, failed."""

    name: str
    makes: str
    state: str = "pending"
    key: str = ""
    digest: str = ""
    seconds: float = 0.0
    size: int = 0
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RunRecord:
    """One run, as `run.json` keeps it; `state`: running, done, unverified, failed, interrupted."""

    run: str
    options: dict[str, Any]
    store: str
    command: list[str]
    source: dict[str, Any]
    stages: list[StageRecord]
    state: str = "running"
    version: str = pipeline.__version__
    started: str = ""
    finished: str = ""
    error: str = ""
    delivered: dict[str, dict[str, Any]] = field(default_factory=dict)
    pending: dict[str, dict[str, Any]] = field(default_factory=dict)  # being delivered, perhaps not there yet
    format: int = FORMAT

    def save(self, folder: Path, *, durable: bool = True) -> None:
        """Write the record in one step; not `durable`, a power cut may lose what is new in it. Raises OSError."""
        text = json.dumps(as_json(self), indent=2) + "\n"
        store.replace(folder / RECORD, text.encode(), durable=durable)

    def asked(self) -> Options:
        """Give the options of the run."""
        return from_json(self.options)


def as_json(record: RunRecord) -> dict[str, Any]:
    """Give a record as plain JSON values."""
    names = [name for name in RunRecord.__dataclass_fields__ if name != "stages"]
    stages = [{name: getattr(s, name) for name in StageRecord.__dataclass_fields__} for s in record.stages]
    return {name: getattr(record, name) for name in names} | {"stages": stages}


def load(folder: Path) -> RunRecord:
    """Read the record of an output folder. Raises UsageError where there is none."""
    path = folder / RECORD
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"it is of format {data['format']}, and {FORMAT} is known")
        stages = [StageRecord(**stage) for stage in data.pop("stages")]
        return RunRecord(**data, stages=stages)
    except FileNotFoundError:
        raise UsageError(
            f"{folder} is not the output folder of a run",
            why=f"it holds no {RECORD}",
            advice="torch2caffe2 convert MODEL --output DIR starts one",
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInputError(f"{path} is not a run record of this version", why=str(error)) from error


def to_resume(record: RunRecord, folder: Path, *, adopt: bool = False, stop_after: str = "") -> Options:
    """Give the options with which to go on; a run that stopped where it was told to goes to its end."""
    asked = record.asked()
    finished = {entry.name for entry in record.stages if entry.state == "done"}
    return replace(
        asked,
        output=folder.absolute(),
        store=Path(record.store),
        force=tuple(name for name in asked.force if name not in finished),
        stop_after=stop_after or ("" if adopt or record.state == "done" else asked.stop_after),
    )


def previous(folder: Path) -> RunRecord | None:
    """Give the record of the last run into a folder, if there was one."""
    return load(folder) if (folder / RECORD).exists() else None


def start(options: Options, store: Path, command: list[str], run: str) -> RunRecord:
    """Begin the record of a run."""
    return RunRecord(run, to_json(options), str(store), command, {}, [], started=now())


def now() -> str:
    """Give the time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
