"""The reporter for a terminal: a live line for each stage, or for each of several models."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from pipeline.engine import events
from pipeline.engine.reporters import progress_text, remark, seconds_text, size_text, words
from pipeline.visible import visible

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

_STYLES: Mapping[str, str] = {
    "cached": "green",
    "fetched": "green",
    "done": "green",
    "failed": "bold red",
    "interrupted": "yellow",
    "running": "cyan",
    "unverified": "bold red",
}


_CLOCK = 7  # width of the time column, so that the columns after it do not move


@dataclass(slots=True)
class _Row:
    """A line of the display."""

    label: str
    state: str = "pending"
    note: str = ""
    stage: str = ""  # the current one
    began: float = 0.0  # when the current stage did
    pace: tuple[float, int] = (0.0, 0)  # when progress was first reported, and how far it was
    took: str = ""

    def begin(self, stage: str) -> None:
        """Set the clocks for a stage."""
        self.stage, self.began, self.pace = stage, time.monotonic(), (0.0, 0)

    def progress(self, event: events.StageProgress) -> str:
        """Return the progress of a stage in words, with its rate since the first report."""
        now = time.monotonic()
        if not self.pace[0]:
            self.pace = (now, event.done)
        since, done = self.pace
        return progress_text(event, event.done - done, now - since)

    @property
    def clock(self) -> str:
        """How long the stage took, or has been running; empty during its first second."""
        passed = time.monotonic() - self.began
        return seconds_text(passed) if self.state == "running" and passed >= 1 else self.took


class Rich:
    """Shows events on a terminal. It is used as a context manager, and called with events inside it."""

    def __init__(self, stream: IO[str], many: bool = False, color: bool = True) -> None:
        from rich.console import Console
        from rich.live import Live

        self.many = many
        self.rows: dict[str, _Row] = {}
        console = Console(file=stream, no_color=not color, highlight=False)
        self.live: Live = Live(console=console, refresh_per_second=8, get_renderable=self._table)

    def __enter__(self) -> Rich:
        self.live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:  # noqa: ANN401 - as the protocol has it
        self.live.__exit__(*error)

    def __call__(self, event: events.Event) -> None:
        """Update the display for an event."""
        if isinstance(event, events.RunStarted):
            for name in [event.model] if self.many else event.stages:
                self._row(name)
        elif isinstance(event, events.RunFinished):
            row = self._row(event.model if self.many else "")
            row.state, row.note = event.state, f"in {seconds_text(event.seconds)}"
        elif text := remark(event):
            prefix = f"{event.model}: " if self.many and event.model else ""
            self.live.console.print(visible(prefix + text), markup=False, soft_wrap=True)
        elif said := words(event):
            stage = str(getattr(event, "stage", ""))
            row = self._row(event.model if self.many else stage)
            state, note = said
            if isinstance(event, events.StageProgress):
                note = row.progress(event)
            elif isinstance(event, events.StageStarted):
                row.begin(stage)
            elif isinstance(event, events.StageFinished) and not self.many:
                row.took, note = seconds_text(event.seconds), size_text(event.size)
            if self.many:
                row.state, row.note = ("failed" if state == "failed" else "running"), f"{stage} {state} {note}"
            else:
                row.state, row.note = state, note

    def _row(self, label: str) -> _Row:
        return self.rows.setdefault(label, _Row(label))

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for width, justify in ((0, "left"), (9, "left"), (_CLOCK, "right"), (0, "left")):
            table.add_column(min_width=width or None, justify=justify)  # type: ignore[arg-type]
        for row in list(self.rows.values()):
            state = Text(row.state, style=_STYLES.get(row.state, "dim"))
            note = Text(visible(row.note), overflow="ellipsis", no_wrap=True)
            table.add_row(Text(visible(row.label)), state, Text(row.clock, style="dim"), note)
        return table
