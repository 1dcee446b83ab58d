"""Reporters, which take the events of runs and show them, each in its own way."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from pipeline.engine import events
from pipeline.engine.record import LOG, now
from pipeline.store.writing import replace
from pipeline.visible import visible

_WIDTH = 10  # minimal width of the column of stages


def size_text(size: float) -> str:
    """Return a number of bytes in words, as `1.5 MB`."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def seconds_text(seconds: float) -> str:
    """Return a duration in words, as `46 ms`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def age_text(moment: float) -> str:
    """Return how long ago a moment (seconds since the epoch) was, in words."""
    age = time.time() - moment
    for seconds, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if age >= seconds:
            return f"{age / seconds:.0f} {unit} ago"
    return "now"


def several(reporters: Iterable[events.Reporter]) -> events.Reporter:
    """Report to each of `reporters` in turn."""
    chosen = tuple(reporters)

    def report(event: events.Event) -> None:
        for reporter in chosen:
            reporter(event)

    return report


def progress_text(event: events.StageProgress, done: int = 0, seconds: float = 0.0) -> str:
    """Return the progress of a stage in words; with the rate and the time left if `done` took `seconds`."""
    in_bytes = event.unit == "bytes"
    if in_bytes:
        text = f"{size_text(event.done)} of {size_text(event.total)}"
    else:
        text = f"{event.done} of {event.total} {event.unit}"
    if done <= 0 or seconds <= 0 or event.done >= event.total:
        return text
    rate = done / seconds
    speed = f", {size_text(rate)}/s" if in_bytes else ""
    return f"{text}{speed}, {left_text((event.total - event.done) / rate)} left"


def left_text(seconds: float) -> str:
    """Return an estimated duration in words, as `2 min 5 s`."""
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


# The texts of events that are no states of a stage.
_REMARKS: dict[type[events.Event], Callable[[Any], str]] = {
    events.RecordUnreadable: lambda event: f"{event.why}; it is ignored, and replaced by a new one",
    events.FilesRemoved: lambda event: (
        f"removed files of the previous run that this one does not make: {', '.join(event.files)}"
    ),
    events.RemoteFailed: lambda event: f"continuing without the remote store {event.url}: {event.why}",
    events.RemoteAwaited: lambda event: f"sending {event.count} artifacts to {event.url}; Ctrl-C skips the rest",
    events.StopAsked: lambda event: "stopping after this stage; Ctrl-C again stops at once",
}


def remark(event: events.Event, width: int = _WIDTH) -> str:
    """Return the line of an event that is no state of a stage, such as a note; "" for other events."""
    if isinstance(event, events.StageNote):
        return f"{event.stage:<{width}} note     {event.text}"
    word = _REMARKS.get(type(event))
    return word(event) if word else ""


# The state and the note of events that are states of a stage.
_WORDS: dict[type[events.Event], Callable[[Any], tuple[str, str]]] = {
    events.StageStarted: lambda event: ("running", "; ".join(event.reasons[:3])),
    events.StageProgress: lambda event: ("running", progress_text(event)),
    events.StageWaiting: lambda event: ("waiting", "another run is making the same"),
    events.StageHit: lambda event: ("fetched" if event.fetched else "cached", size_text(event.size)),
    events.StageFinished: lambda event: ("done", f"{seconds_text(event.seconds)}, {size_text(event.size)}"),
    events.StageFailed: lambda event: ("failed", event.error),
    events.StageSkipped: lambda event: ("skipped", event.reason),
    events.ArtifactDamaged: lambda event: ("damaged", f"{event.reason}; moved to {event.quarantine}"),
    events.RemoteDamaged: lambda event: ("damaged", f"{event.reason}, in {event.url}; not used"),
}


def words(event: events.Event) -> tuple[str, str] | None:
    """Return the state and the note of an event of a stage; None for other events."""
    word = _WORDS.get(type(event))
    return word(event) if word else None


@dataclass(slots=True)
class Plain:
    """Prints a line for each important event, for pipes and logs. Level 1 adds the files."""

    stream: IO[str]
    many: bool = False
    level: int = 0
    width: int = _WIDTH

    def __call__(self, event: events.Event) -> None:
        """Write the line of an event, if it has one."""
        if isinstance(event, events.RunStarted):
            self.width = max(self.width, *map(len, event.stages))
        if text := self._line(event):
            prefix = f"{event.model}: " if self.many and event.model else ""
            self.stream.write(visible(f"{prefix}{text}") + "\n")
            self.stream.flush()

    def _line(self, event: events.Event) -> str:
        if isinstance(event, events.RunFinished):
            return f"{event.state} in {seconds_text(event.seconds)}"
        if isinstance(event, events.FileDelivered) and self.level > 0:
            return f"{event.file}  {event.how}, {size_text(event.size)}"
        if text := remark(event, self.width):
            return text
        said = None if isinstance(event, events.StageProgress) else words(event)
        return f"{getattr(event, 'stage', ''):<{self.width}} {said[0]:<8} {said[1]}".rstrip() if said else ""


@dataclass(slots=True)
class JsonLines:
    """Prints every event as a line of JSON, with its time."""

    stream: IO[str]

    def __call__(self, event: events.Event) -> None:
        """Write one event."""
        self.stream.write(json.dumps({"time": now(), **events.as_json(event)}) + "\n")
        self.stream.flush()


@dataclass(slots=True)
class EventLog:
    """Writes a log of events, without progress, to the output folder of each run. A full disk only stops the log."""

    files: dict[str, Path] = field(init=False, default_factory=dict)

    def __call__(self, event: events.Event) -> None:
        """Append one event to the log of its run."""
        if isinstance(event, events.RunStarted):
            self.files[event.model] = Path(event.output) / LOG
            with suppress(OSError):
                _own(self.files[event.model])
        path = self.files.get(event.model)
        if path is None or isinstance(event, events.StageProgress):
            return
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            with os.fdopen(os.open(path, flags, 0o644), "a", encoding="utf-8") as stream:
                JsonLines(stream)(event)
        except OSError:
            del self.files[event.model]


def _own(path: Path) -> None:
    """Replace a log that has hard links by a copy, so that appending does not change the other file."""
    if path.stat().st_nlink > 1:
        replace(path, path.read_bytes())
