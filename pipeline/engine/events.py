"""What happens in a run, as data: the run loop emits events, reporters make lines and logs of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events; `model` tells runs apart that go side by side."""

    model: str


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run begins; `stages` in the order in which they will go, `store` the folder of their artifacts."""

    run: str
    source: str
    output: str
    stages: tuple[str, ...]
    store: str = ""


@dataclass(frozen=True, slots=True)
class RecordUnreadable(Event):
    """The record in the output folder cannot be read; the run goes on as if there were none, and writes its own."""

    why: str


@dataclass(frozen=True, slots=True)
class StageStarted(Event):
    """A stage runs, for these reasons."""

    stage: str
    key: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StageWaiting(Event):
    """Another run is making the same artifact; this one waits for it."""

    stage: str
    key: str


@dataclass(frozen=True, slots=True)
class StageProgress(Event):
    """A stage has done this much."""

    stage: str
    done: int
    total: int
    unit: str


@dataclass(frozen=True, slots=True)
class StageHit(Event):
    """The artifact was in the store, or has been `fetched` from the remote one; the stage does not run."""

    stage: str
    key: str
    seconds: float
    size: int
    digest: str = ""
    fetched: bool = False


@dataclass(frozen=True, slots=True)
class StageFinished(Event):
    """A stage ran and its artifact, of this content, is in the store; `size` in bytes."""

    stage: str
    key: str
    seconds: float
    size: int
    digest: str = ""


@dataclass(frozen=True, slots=True)
class StageNote(Event):
    """A stage, or the run that made its artifact, has found something that the user should know."""

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
    """A stage does not run, as what it needs was not made."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class ArtifactDamaged(Event):
    """An artifact is not what was stored; it lies in `quarantine` now and will be made again."""

    stage: str
    key: str
    reason: str
    quarantine: str


@dataclass(frozen=True, slots=True)
class RemoteDamaged(Event):
    """What the remote store at `url` has under a key is not what it should be; it is as none."""

    stage: str
    key: str
    url: str
    reason: str


@dataclass(frozen=True, slots=True)
class RemoteFailed(Event):
    """The remote store at `url` cannot be used; all goes on without it. Told once."""

    url: str
    why: str


@dataclass(frozen=True, slots=True)
class RemoteAwaited(Event):
    """All is done but that so many artifacts are on their way to the remote store; no model's event."""

    url: str
    count: int


@dataclass(frozen=True, slots=True)
class ArtifactSent(Event):
    """What a stage made is in the remote store."""

    stage: str
    key: str


@dataclass(frozen=True, slots=True)
class FileDelivered(Event):
    """A file of the output folder is in place; `how`: copied, reflinked, linked or kept."""

    file: str
    size: int
    how: str


@dataclass(frozen=True, slots=True)
class FilesRemoved(Event):
    """Files that the run before delivered are gone from the output folder, as this one makes none of them."""

    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopAsked(Event):
    """The user has asked to stop; the stage that runs is finished first."""


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """A run ended: done, unverified, failed or interrupted."""

    state: str
    exit_code: int
    seconds: float
    output: str


Reporter = Callable[[Event], None]


def unheard(event: Event) -> None:
    """Tell nobody."""


_NAMES = {kind: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower() for kind in Event.__subclasses__()}
_KINDS = {name: kind for kind, name in _NAMES.items()}


def as_json(event: Event) -> dict[str, Any]:
    """Return an event as JSON values, with its name as `event`: StageHit is "stage_hit"."""
    return {"event": _NAMES[type(event)], **asdict(event)}


def from_json(told: Mapping[str, Any]) -> Event:
    """Return the event that `as_json` has told. Raises KeyError or TypeError for what is none."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    return _KINDS[values.pop("event")](**values)
