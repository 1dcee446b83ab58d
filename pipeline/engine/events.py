"""The events of a run, as data. The run emits them, and reporters turn them into lines and logs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events. `model` distinguishes runs that go in parallel."""

    model: str


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run starts. `stages` are in the order in which they will run; `store` is the folder of their artifacts."""

    run: str
    source: str
    output: str
    stages: tuple[str, ...]
    store: str = ""


@dataclass(frozen=True, slots=True)
class RecordUnreadable(Event):
    """The record in the output folder cannot be read. The run continues as if there were none, and writes a new one."""

    why: str


@dataclass(frozen=True, slots=True)
class StageStarted(Event):
    """A stage starts to run, for these reasons."""

    stage: str
    key: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageWaiting(Event):
    """Another run is making the same artifact, and this one waits for it."""

    stage: str
    key: str


@dataclass(frozen=True, slots=True)
class StageProgress(Event):
    """A stage has made progress."""

    stage: str
    done: int
    total: int
    unit: str


@dataclass(frozen=True, slots=True)
class StageHit(Event):
    """The artifact was in the store, or was `fetched` from the remote store, so the stage does not run."""

    stage: str
    key: str
    seconds: float
    size: int
    digest: str = ""
    fetched: bool = False


@dataclass(frozen=True, slots=True)
class StageFinished(Event):
    """A stage has run, and its artifact is in the store. `digest` is that of its content, `size` in bytes."""

    stage: str
    key: str
    seconds: float
    size: int
    digest: str = ""


@dataclass(frozen=True, slots=True)
class StageNote(Event):
    """A fact that the user should know, found by a stage when its artifact was made."""

    stage: str
    text: str


@dataclass(frozen=True, slots=True)
class StageFailed(Event):
    """A stage ran and failed, or could not run."""

    stage: str
    seconds: float
    error: str


@dataclass(frozen=True, slots=True)
class StageSkipped(Event):
    """A stage does not run, because something it needs was not made."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class ArtifactDamaged(Event):
    """An artifact was damaged. It was moved to `quarantine` and will be made again."""

    stage: str
    key: str
    reason: str
    quarantine: str


@dataclass(frozen=True, slots=True)
class RemoteDamaged(Event):
    """An artifact in the remote store at `url` is damaged and is not used."""

    stage: str
    key: str
    url: str
    reason: str


@dataclass(frozen=True, slots=True)
class RemoteFailed(Event):
    """The remote store at `url` cannot be used. Everything continues without it. Reported once."""

    url: str
    why: str


@dataclass(frozen=True, slots=True)
class RemoteAwaited(Event):
    """Only uploads are left: so many artifacts are still being sent to the remote store. It belongs to no model."""

    url: str
    count: int


@dataclass(frozen=True, slots=True)
class ArtifactSent(Event):
    """The artifact of a stage was sent to the remote store."""

    stage: str
    key: str


@dataclass(frozen=True, slots=True)
class FileDelivered(Event):
    """A file is in place in the output folder. `how`: copied, reflinked, linked or kept."""

    file: str
    size: int
    how: str


@dataclass(frozen=True, slots=True)
class FilesRemoved(Event):
    """Files of the previous run were removed from the output folder, because this run did not make them."""

    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopAsked(Event):
    """The user has asked to stop. The current stage is finished first."""


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """A run has ended: done, unverified, failed or interrupted."""

    state: str
    exit_code: int
    seconds: float
    output: str


Reporter = Callable[[Event], None]


def unheard(event: Event) -> None:
    """Ignore an event."""


_NAMES = {kind: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower() for kind in Event.__subclasses__()}
_KINDS = {name: kind for kind, name in _NAMES.items()}


def as_json(event: Event) -> dict[str, Any]:
    """Return an event as JSON values, with its name as `event`: StageHit is "stage_hit"."""
    return {"event": _NAMES[type(event)], **asdict(event)}


def from_json(told: Mapping[str, Any]) -> Event:
    """Return the event that `as_json` returned as JSON. Raises KeyError or TypeError if it is no event."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    return _KINDS[values.pop("event")](**values)
