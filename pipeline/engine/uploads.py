"""Uploads artifacts to a remote store in the background. The command waits for the last upload at its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

from pipeline.engine import events
from pipeline.errors import UsageError
from pipeline.store.exchange import beside
from pipeline.store.remote import Remote, RemoteError
from pipeline.store.store import Artifact, Store

_GLANCE = 0.5  # seconds of waiting before the user is told about it


@contextmanager
def uploading(url: str, report: events.Reporter) -> Iterator[events.Reporter]:
    """Yield a reporter that uploads every artifact that runs report as made; at the end, wait for the uploads.

    Nothing is sent after the remote store has failed or a run was interrupted. Raises UsageError if no installed
    package can reach the remote store.
    """
    if not url:
        yield report
        return
    remote = Remote(url)
    remote.require()
    sender = _Sender(remote, report)
    try:
        yield sender
        sender.wait()
    finally:
        sender.end()


class _Sender:
    def __init__(self, remote: Remote, report: events.Reporter) -> None:
        self._remote, self._report = remote, report
        self._made: SimpleQueue[events.StageFinished | None] = SimpleQueue()
        self._stores: dict[str, Path] = {}  # of the runs, by model
        self._asked = self._done = 0  # artifacts
        self._over = Event()
        self._thread = Thread(target=self._send_all, daemon=True)
        self._thread.start()

    def __call__(self, event: events.Event) -> None:
        """Pass an event on, and queue the artifact that it reports."""
        match event:
            case events.RunStarted():
                self._stores[event.model] = Path(event.store)
            case events.StageFinished():
                self._asked += 1
                self._made.put(event)
            case events.RemoteFailed():
                if self._over.is_set():
                    return
                self._over.set()
            case events.RunFinished(state="interrupted"):
                self._over.set()
        self._report(event)

    def wait(self) -> None:
        """Wait until everything is sent, or the user presses Ctrl-C."""
        self._made.put(None)
        with suppress(KeyboardInterrupt):
            self._thread.join(_GLANCE)
            if self._thread.is_alive() and not self._over.is_set():
                self._report(events.RemoteAwaited("", self._remote.url, self._asked - self._done))
                self._thread.join()

    def end(self) -> None:
        """Start no further uploads."""
        self._over.set()
        self._made.put(None)

    def _send_all(self) -> None:
        try:
            for event in beside(self._send, iter(self._made.get, None)):
                self._done += 1
                if not self._over.is_set():
                    self._report(events.ArtifactSent(event.model, event.stage, event.key))
        except RemoteError as error:
            self(events.RemoteFailed("", self._remote.url, error.why))

    def _send(self, event: events.StageFinished) -> events.StageFinished:
        """Send an artifact, unless it is missing or damaged."""
        with suppress(OSError, UsageError):
            found = Store(self._stores[event.model], create=False).check(event.key)
            if isinstance(found, Artifact) and not self._over.is_set():
                self._remote.send(found)
        return event
