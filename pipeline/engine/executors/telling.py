"""Events on their way from who converts to who shows them, in bundles: for a small model each message counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock

from pipeline.engine import events

_SECONDS = 0.1  # for which an event may wait


class Telling:
    """A reporter that passes events on soon, with those that follow meanwhile."""

    def __init__(
        self, send: Callable[[Sequence[events.Event]], None], later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        """`send` passes a bundle on; `later` has a function called after so many seconds, in whatever thread."""
        self._send, self._later = send, later
        self._untold: deque[events.Event] = deque()
        self._due = False  # somebody will tell them
        self._lock = Lock()  # so that no bundle overtakes another

    def __call__(self, event: events.Event) -> None:
        """Pass an event on soon."""
        self._untold.append(event)
        if not self._due:
            self._due = True
            self._later(_SECONDS, self._now_due)

    def _now_due(self) -> None:
        self._due = False
        self.tell()

    def tell(self) -> None:
        """Pass on at once what has happened since it was done last."""
        with self._lock:
            if told := [self._untold.popleft() for _ in range(len(self._untold))]:
                self._send(told)
