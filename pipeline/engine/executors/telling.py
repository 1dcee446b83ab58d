"""Sends events from a worker to the process that shows them, in bundles, as each message costs time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

from pipeline.engine import events

_SECONDS = 0.1  # that an event waits at most


class Telling:
    """A reporter that collects events for a tenth of a second and then sends them together."""

    def __init__(
        self, send: Callable[[Sequence[events.Event]], None], later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        """`send` sends a bundle; `later` calls a function after a number of seconds, in any thread."""
        self._send, self._later = send, later
        self._untold: deque[events.Event] = deque()
        self._due = False  # whether `tell` is going to be called
        self._lock = Lock()  # keeps bundles in order

    def __call__(self, event: events.Event) -> None:
        """Send an event soon."""
        self._untold.append(event)
        if not self._due:
            self._due = True
            self._later(_SECONDS, self._now_due)

    def _now_due(self) -> None:
        self._due = False
        self.tell()

    def tell(self) -> None:
        """Send now all events that have not been sent yet."""
        with self._lock:
            if told := [self._untold.popleft() for _ in range(len(self._untold))]:
                self._send(told)
