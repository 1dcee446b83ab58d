from __future__ import annotations

import errno
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from pipeline.store import writing


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return what the disk was asked to confirm in a folder, and which names were given, in order."""
    done: list[tuple[str, str]] = []
    fsync, rename = os.fsync, Path.replace

    def confirmed(descriptor: int) -> None:
        inode = os.fstat(descriptor).st_ino
        file = next((path.name.split(".")[1] for path in tmp_path.iterdir() if path.stat().st_ino == inode), "folder")
        done.append(("confirm", file))
        fsync(descriptor)

    def renamed(source: Path, target: Path) -> Path:
        done.append(("name", target.name))
        return rename(source, target)

    monkeypatch.setattr(os, "fsync", confirmed)
    monkeypatch.setattr(Path, "replace", renamed)
    return done


def test_files_get_their_names_once_the_disk_has_all_their_bytes_and_are_confirmed_together(
    tmp_path: Path, told: list[tuple[str, str]]
) -> None:
    writing.replace_all({tmp_path / name: partial(writing.write, data=name.encode()) for name in ("a", "b")})
    assert sorted(told[:2]) == [("confirm", "a"), ("confirm", "b")]  # at once
    assert told[2:] == [("name", "a"), ("name", "b"), ("confirm", "folder")]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "a", "b": "b"}


def test_files_of_one_step_have_confirmed_names_before_those_of_the_next_have_theirs(
    tmp_path: Path, told: list[tuple[str, str]]
) -> None:
    steps = [{tmp_path / name: partial(writing.write, data=b"x")} for name in ("a", "b")]
    writing.replace_all(steps[0], {}, steps[1])
    assert sorted(told[:2]) == [("confirm", "a"), ("confirm", "b")]
    assert told[2:] == [("name", "a"), ("confirm", "folder"), ("name", "b"), ("confirm", "folder")]


def test_where_one_file_cannot_be_written_none_is_replaced_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("before")

    def full(path: Path) -> None:
        path.write_text("half")
        raise OSError(errno.ENOSPC, "no room")

    with pytest.raises(OSError, match="no room"):
        writing.replace_all({tmp_path / "a": partial(writing.write, data=b"after"), tmp_path / "b": full})
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "before")]


def test_no_disk_is_waited_for_where_a_reader_can_do_without(tmp_path: Path, told: list[tuple[str, str]]) -> None:
    path = tmp_path / "a"
    writing.keep(path, b"one")
    writing.keep(path, b"other")
    writing.keep(path, b"other")
    assert told == [("name", "a"), ("name", "a")]
    assert path.read_bytes() == b"other"


def test_what_the_disk_refuses_of_any_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths, real = [tmp_path / "a", tmp_path / "b"], os.fsync
    for path in paths:
        path.write_text("x")

    def failing(descriptor: int) -> None:
        if os.fstat(descriptor).st_ino == paths[1].stat().st_ino:
            raise OSError(errno.EIO, "the disk failed")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="the disk failed"):
        writing.confirm(*paths)


def test_a_fork_waits_for_the_disk_with_threads_of_its_own(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_text("x")
    writing.confirm(*paths)
    if (child := os.fork()) == 0:
        signal.alarm(10)
        writing.confirm(*paths)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
