"""A session protects what a run uses, and leaves nothing behind, however its process ends."""

from __future__ import annotations

import os
from itertools import count
from typing import Any

import pytest

from pipeline.store.sessions import is_alive
from pipeline.store.store import Store

KEY = "ab" * 32


def test_a_session_leaves_nothing_and_spares_the_sessions_of_the_living(store: Store) -> None:
    with store.sessions.open() as one:
        one.uses(KEY)
        with store.sessions.open() as two:
            two.temporary("x")
            assert one.path.exists()
            assert store.sessions.keys_in_use() == {KEY}
    assert list((store.root / "sessions").iterdir()) == []


def test_what_a_dead_process_left_is_swept(store: Store) -> None:
    dead = store.root / "sessions" / "1-deadbeef"
    (dead / "import-1").mkdir(parents=True)
    (dead / "lock").touch()
    with store.sessions.open():
        assert not dead.exists()


@pytest.mark.parametrize("last", [0, 1, 2])
def test_a_session_whose_process_dies_while_it_is_removed_is_swept_by_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    unlink, calls = os.unlink, count()

    def dies(*arguments: Any, **named: Any) -> None:
        if next(calls) >= last:
            raise SystemExit
        unlink(*arguments, **named)

    with monkeypatch.context() as patch, pytest.raises(SystemExit), store.sessions.open() as session:
        session.uses(KEY)
        (session.temporary("x") / "a.txt").touch()
        patch.setattr(os, "unlink", dies)
    assert len(list((store.root / "sessions").iterdir())) == 1
    with store.sessions.open():
        pass
    assert list((store.root / "sessions").iterdir()) == []


def test_a_look_at_whether_a_session_lives_makes_nothing_of_one_that_has_just_ended(store: Store) -> None:
    ended = store.root / "sessions" / "1-deadbeef"
    assert not is_alive(ended)
    ended.mkdir()
    assert not is_alive(ended)
    assert list(ended.iterdir()) == []
