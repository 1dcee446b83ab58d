"""The run record, `run.json` in the output folder: the options, the state of the stages, the delivered files.

It is written and synced to disk when a run starts, before it delivers, and when it ends. In between, the state is read
from the log of events, which is not synced; after a power cut, only the store tells what was finished.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, NotRequired, TypedDict

import msgspec

import pipeline
from pipeline.config import Options, from_json, to_json
from pipeline.errors import InvalidInputError, UsageError
from pipeline.store import writing
from pipeline.store.manifest import Count, Digest, Name
from pipeline.wire import plain

RECORD = "run.json"
LOG = "events.jsonl"
FORMAT = 2
WAITING = "waiting"
CONVERTED = ("done", "unverified")  # states of a run that has delivered its networks
_RECENT = 1 << 20  # bytes at the end of a log in which the last run is searched for

_STATES = {  # of a stage, by the name of the event that reports it
    "stage_started": "running",
    "stage_hit": "hit",
    "stage_finished": "done",
    "stage_failed": "failed",
    "stage_skipped": "skipped",
}

# A record is untrusted, as its folder may come from anywhere: names must stay in the folder, keys must be keys.
Key = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?\Z")]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
FEW = msgspec.Meta(max_length=1000)  # stages, and files of one run


class DeliveredFile(TypedDict):
    """A file in the output folder: its digest and size, and the kind and key of its artifact."""

    blake3: Digest
    size: Count
    kind: str
    key: Digest
    edited: NotRequired[bool]


class GivenArtifact(TypedDict):
    """An artifact that a run started from, not made by one of its stages."""

    kind: str
    key: Digest
    origin: str
    role: NotRequired[str]


class SourceFiles(TypedDict, total=False):
    """What a run starts from: files of the user with their digests, or artifacts."""

    kind: str
    files: dict[str, Digest]
    given: list[GivenArtifact]


@dataclass(slots=True)
class StageRecord:
    """The state of one stage of a run: pending, running, hit, done, failed or skipped."""

    name: str
    makes: str
    state: str = "pending"
    key: Key = ""
    digest: Key = ""
    started: str = ""
    seconds: Seconds = 0.0
    size: Count = 0
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RunRecord:
    """One run, as stored in `run.json`.

    `state` is waiting (one of several runs, before its turn), running, done, unverified, failed or interrupted.
    """

    run: str
    options: dict[str, Any]
    store: str
    command: list[str]
    source: SourceFiles
    stages: Annotated[list[StageRecord], FEW]
    state: str = "running"
    version: str = pipeline.__version__
    started: str = ""
    finished: str = ""
    error: str = ""
    delivered: Annotated[dict[Name, DeliveredFile], FEW] = field(default_factory=dict)
    # Files that are being delivered, and may not be there yet.
    pending: Annotated[dict[Name, DeliveredFile], FEW] = field(default_factory=dict)
    mark: str = ""  # identifies this user's runs into the folder, even if it is moved
    worker: str = ""  # the process that does it, as HOST:PID
    format: int = FORMAT

    def save(self, folder: Path) -> None:
        """Write the record atomically and sync it to disk. Raises OSError."""
        writing.replace_all({folder / RECORD: self.write})

    def write(self, path: Path) -> None:
        """Write the record to a new file. Raises OSError."""
        text = json.dumps(as_json(self))
        with suppress(msgspec.DecodeError):  # if a name is not Unicode, it stays on one line
            text = msgspec.json.format(text, indent=2)
        writing.write(path, f"{text}\n".encode())

    def asked(self) -> Options:
        """Return the options of the run."""
        return from_json(self.options)


def save_all(records: Mapping[Path, RunRecord]) -> None:
    """Write the records of output folders, which the disk confirms together; one that it refuses is left out."""
    try:
        writing.replace_all({folder / RECORD: record.write for folder, record in records.items()})
    except OSError:
        for folder, record in records.items():
            with suppress(OSError):
                record.save(folder)


def as_json(record: RunRecord) -> dict[str, Any]:
    """Return a record as plain JSON values."""
    names = [name for name in RunRecord.__dataclass_fields__ if name != "stages"]
    stages = [{name: getattr(s, name) for name in StageRecord.__dataclass_fields__} for s in record.stages]
    return {name: getattr(record, name) for name in names} | {"stages": stages}


def load(folder: Path) -> RunRecord:
    """Read the record of an output folder; for a run that has not ended, update its stages from the log.

    Raises UsageError if there is none; InvalidInputError, which names the field, if it is damaged or was not written by
    this version.
    """
    path, again = folder / RECORD, "torch2caffe2 convert MODEL --output DIR starts one"
    try:
        data = _decoded(plain.read(path))
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"{folder} is not the output folder of a run", why=f"it holds no {RECORD}", advice=again
        ) from None
    except plain.NotPlainError as error:
        raise InvalidInputError(f"{path} is not a run record", why="it is no file, or too large for one") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{path} is damaged", why="it is no JSON", advice=again) from error
    try:
        if data["format"] != FORMAT:
            raise ValueError(f"it is of format {data['format']}, and {FORMAT} is known")
        found = msgspec.convert(data, RunRecord)
        if not all(found.options.get(name) for name in ("model", "name", "output")) or not found.asked():
            raise ValueError("it does not say which model went where")
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise InvalidInputError(f"{path} is not a run record of this version", why=str(error), advice=again) from error
    if found.state == "running":
        with suppress(OSError, ValueError, TypeError, RecursionError):
            found.stages = _followed(found, plain.end_of(folder / LOG, _RECENT))
    return found


def _followed(record: RunRecord, log: bytes) -> list[StageRecord]:
    """Return the state of the stages of a run according to its log. Raises ValueError or TypeError for a bad log."""
    stages, is_its_own = {stage.name: asdict(stage) for stage in record.stages}, False
    for event in _events(log):
        kind, stage = event.get("event"), stages.get(event.get("stage", ""))
        if kind == "run_started":
            is_its_own = event.get("run") == record.run
        elif is_its_own and stage and kind in _STATES:
            stage |= {name: event[name] for name in stage.keys() & event.keys()} | {"state": _STATES[kind]}
            stage["started"] = event.get("time", "") if kind == "stage_started" else stage["started"]
    return msgspec.convert(list(stages.values()), list[StageRecord])


def _events(log: bytes) -> Iterator[dict[str, Any]]:
    """Yield the events in a log, without incomplete lines."""
    for line in log.splitlines():
        with suppress(ValueError):
            if isinstance(event := json.loads(line), dict):
                yield event


def _decoded(data: bytes) -> Any:  # noqa: ANN401 - whatever stands there
    """Return parsed JSON. Raises ValueError if it is invalid, or has text that is neither Unicode nor a path."""

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is no number")

    found = json.loads(data, parse_constant=refuse)
    json.dumps(found, ensure_ascii=False).encode("utf-8", "surrogateescape")  # as a path of other bytes is written
    return found


def previous(folder: Path, tell: Callable[[str], None] = lambda why: None) -> RunRecord | None:
    """Return the record of the last run into a folder; None if there is none, or it cannot be read.

    If it cannot be read, `tell` is called with the reason.
    """
    try:
        return load(folder)
    except UsageError:
        return None
    except InvalidInputError as error:
        tell(f"{error.what}: {error.why}")
        return None


def folders(folder: Path) -> tuple[Path, ...]:
    """Return the output folders of the runs in a folder: itself, or its subfolders if several runs went there.

    Raises UsageError if there is none.
    """
    one = (folder / RECORD).exists() and not (folder / RECORD).is_dir()  # a subfolder may have the name of the record
    inside = [] if one else sorted(path.parent for path in folder.glob(f"*/{RECORD}"))
    if not inside:
        load(folder)
    return tuple(inside) or (folder,)


def to_resume(record: RunRecord, folder: Path, *, adopt: bool, stop_after: str = "") -> Options:
    """Return the options for resuming a run. A run that stopped where `stop_after` said now goes to its end.

    Missing files are searched for at their old place relative to the output folder.
    """
    asked = _moved_with(folder, record.asked())
    finished = {entry.name for entry in record.stages if entry.state == "done"}
    return replace(
        asked,
        output=folder.absolute(),
        store=Path(record.store),
        remote_store="",  # a record must not make us connect to one
        force=tuple(name for name in asked.force if name not in finished),
        stop_after=stop_after or ("" if adopt or record.state == "done" else asked.stop_after),
    )


def _moved_with(folder: Path, asked: Options) -> Options:
    """Return options with new paths for files that were moved together with the output folder."""

    def now_at(path: Path | None) -> Path | None:
        if path is None or path.exists():
            return path
        beside = Path(os.path.normpath(folder.absolute() / os.path.relpath(path, asked.output)))
        return beside if beside.exists() else path

    plugins = tuple(now_at(path) or path for path in asked.plugins)
    model, weights, reference = now_at(asked.model), now_at(asked.weights), now_at(asked.reference)
    return replace(asked, model=model or asked.model, weights=weights, reference=reference, plugins=plugins)


def refuse_gone(options: Options, folder: Path) -> None:
    """Raise UsageError if a file that the record of an output folder names no longer exists."""
    for option in ("model", "weights", "reference"):
        path = getattr(options, option)
        if path is not None and not path.exists():
            raise UsageError(
                f"there is no file {path}",
                where=str(folder / RECORD),
                why=f"it was moved or removed since the run, and no {path.name} lies that way from {folder} either",
                advice=f"torch2caffe2 resume {folder} --{option} FILE",
            )


def start(options: Options, store: Path, command: list[str], run: str) -> RunRecord:
    """Return the record of a run that starts now."""
    worker = f"{platform.node()}:{os.getpid()}"
    return RunRecord(run, to_json(options), str(store), command, {}, [], started=now(), worker=worker)


def wait(options: Options, store: Path, command: list[str], earlier: RunRecord | None) -> RunRecord:
    """Return the record of one of several runs before its turn; files in its folder are of an `earlier` run."""
    made = replace(start(options, store, command, ""), state=WAITING, worker="", mark=mark(earlier))
    return made if earlier is None else replace(made, delivered=earlier.delivered, pending=earlier.pending)


def mark(earlier: RunRecord | None) -> str:
    """Return the mark of a run into a folder: that of the `earlier` run there, or a new one."""
    return (earlier.mark if earlier else "") or os.urandom(6).hex()


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
