"""Locks by the path of a file."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.store import locking
from pipeline.store.store import Store


def _refusing(number: int) -> Callable[[int, int], None]:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    return flock


def _others(path: Path) -> locking.Lock:
    """Return a lock by another file than the one that is asked for, in place of a scheduler's."""
    return locking.FileLock(path.with_name(f"other-{path.name}"))


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
    with locking.granted_by(_others), store.sessions.open() as session:
        session.uses("a")
        session.path.with_name("1-00000000").mkdir()  # of a process that died before it had its lock
        store.sessions.sweep()
        assert [path.name for path in (store.root / "sessions").iterdir()] == [session.path.name]
        assert store.sessions.keys_in_use() == {"a"}
    assert list((store.root / "sessions").iterdir()) == []


def test_one_holder_has_a_lock_at_a_time(tmp_path: Path) -> None:
    with locking.lock(tmp_path / "one"):
        with pytest.raises(locking.Timeout):
            locking.lock(tmp_path / "one").acquire(timeout=0)
        with locking.lock(tmp_path / "another"):
            pass
    with locking.lock(tmp_path / "one"):
        pass


def test_a_store_that_is_removed_before_a_lock_is_taken_or_while_it_is_waited_for_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    asked, waiting = store.lock("a"), store.lock("b")
    with store.lock("b"):
        monkeypatch.setattr(time, "sleep", lambda _: shutil.rmtree(store.root, ignore_errors=True))
        with pytest.raises(FileNotFoundError):
            waiting.acquire(timeout=-1)
    with pytest.raises(FileNotFoundError):
        asked.acquire(timeout=0)
    assert not store.root.exists()


def test_who_waits_for_a_lock_whose_file_its_holder_removes_gets_that_of_the_next_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one"
    first, second = locking.lock(path), locking.lock(path)
    first.acquire(timeout=0)
    real = fcntl.flock

    def flock(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        path.unlink()  # which the second one has opened, and not yet locked
        first.release()
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    second.acquire(timeout=1)
    with pytest.raises(locking.Timeout):
        locking.lock(path).acquire(timeout=0)


def test_a_lock_is_for_whom_the_umask_lets_write(tmp_path: Path) -> None:
    for umask, mode in ((0o022, 0o644), (0o002, 0o664), (0o077, 0o600)):
        before = os.umask(umask)
        with locking.lock(tmp_path / str(umask)):
            os.umask(before)
        assert (tmp_path / str(umask)).stat().st_mode & 0o777 == mode


def test_a_link_in_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), locking.lock(tmp_path / "one"):
        pass
    assert not (tmp_path / "elsewhere").exists()
