"""Locks by the path of a file."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from pipeline.store import locking
from pipeline.store.store import Store


def _refusing(number: int) -> Callable[[int, int], None]:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    return flock


def _others(path: Path) -> locking.Lock:
    """Return a lock by another file than the one that is asked for, in place of a scheduler's."""
    return FileLock(path.with_name(f"other-{path.name}"), thread_local=False)


def test_that_a_file_system_knows_no_locks_is_told_from_what_else_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert locking.granted(tmp_path)
    monkeypatch.setattr(fcntl, "flock", _refusing(errno.ENOLCK))
    assert not locking.granted(tmp_path)
    monkeypatch.setattr(fcntl, "flock", _refusing(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        locking.granted(tmp_path)


def test_what_stands_in_makes_the_locks_inside_its_block_only(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with locking.granted_by(_others), store.lock("a"):
        assert [path.name for path in (store.root / "locks").iterdir()] == ["other-a.lock"]
    with store.lock("a"):
        assert store.lock_file("a").exists()


def test_a_session_by_locks_that_stand_in_is_swept_by_nobody_and_its_keys_are_in_use(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with locking.granted_by(_others), store.session() as session:
        session.uses("a")
        session.path.with_name("1-00000000").mkdir()  # of a process that died before it had its lock
        store.sweep()
        assert [path.name for path in (store.root / "sessions").iterdir()] == [session.path.name]
        assert store.keys_in_use() == {"a"}
    assert list((store.root / "sessions").iterdir()) == []


def test_one_holder_has_a_lock_at_a_time(tmp_path: Path) -> None:
    with locking.lock(tmp_path / "one"):
        with pytest.raises(locking.Timeout):
            locking.lock(tmp_path / "one").acquire(timeout=0)
        with locking.lock(tmp_path / "another"):
            pass
    with locking.lock(tmp_path / "one"):
        pass


def test_a_lock_in_a_store_that_was_removed_does_not_make_its_folder_again_which_would_have_no_mark(
    tmp_path: Path,
) -> None:
    with pytest.raises(FileNotFoundError), locking.lock(tmp_path / "store" / "locks" / "one"):
        pass
    assert not (tmp_path / "store").exists()
