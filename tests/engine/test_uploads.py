from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine import events
from pipeline.engine.uploads import uploading
from pipeline.store.remote import Remote
from pipeline.store.store import Artifact
from tests.engine.fakes import STAGES
from tests.remotes import Machine, assert_shared_by, memory

__all__ = ["memory"]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let nothing be sent before the event."""
    go_on, send = threading.Event(), Remote.send

    def later(self: Remote, artifact: Artifact) -> None:
        go_on.wait(20)
        send(self, artifact)

    monkeypatch.setattr(Remote, "send", later)
    return go_on


class Heard(list):  # type: ignore[type-arg]
    """The events, with something that happens at the first of a kind."""

    def __init__(self, kind: type[events.Event], act: Any) -> None:
        self.kind, self.act = kind, act

    def append(self, event: events.Event) -> None:
        super().append(event)
        if isinstance(event, self.kind):
            self.act()


def test_a_run_does_not_wait_for_what_it_sends_and_its_command_does(
    memory: str, tmp_path: Path, held: threading.Event
) -> None:
    machine = Machine(tmp_path / "one", memory)
    machine.events = Heard(events.RemoteAwaited, held.set)
    assert machine.convert().exit_code == 0
    told = [type(event) for event in machine.events]
    assert told.index(events.RunFinished) < told.index(events.RemoteAwaited) < told.index(events.ArtifactSent)
    assert [event.count for event in machine.told(events.RemoteAwaited)] == [4]
    assert sorted(event.stage for event in machine.told(events.ArtifactSent)) == sorted(s.name for s in STAGES)


def test_ctrl_c_leaves_what_was_not_sent_and_the_result_counts(
    memory: str, tmp_path: Path, held: threading.Event
) -> None:
    machine = Machine(tmp_path / "one", memory)
    machine.events = Heard(events.RemoteAwaited, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert machine.convert().exit_code == 0
    assert not machine.told(events.ArtifactSent)
    held.set()


def test_an_interrupted_run_waits_for_nothing(memory: str, tmp_path: Path, held: threading.Event) -> None:
    machine = Machine(tmp_path / "one", memory)
    machine.events = Heard(events.StageFinished, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert machine.convert().exit_code == 130
    assert not machine.told(events.RemoteAwaited)
    held.set()


def test_of_many_that_say_that_the_remote_store_fails_one_is_heard(memory: str) -> None:
    heard: list[events.Event] = []
    with uploading(memory, heard.append) as report:
        for model in "abc":
            report(events.RemoteFailed(model, memory, "gone"))
    assert heard == [events.RemoteFailed("a", memory, "gone")]


def test_processes_fetch_and_what_they_make_is_sent(tmp_path: Path) -> None:
    assert_shared_by(tmp_path, jobs=2)
