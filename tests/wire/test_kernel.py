import errno
import os
from threading import Event, main_thread
from threading import current_thread as thread

import pytest

from pipeline.wire.kernel import copy_range, synced

kernel_copies = pytest.mark.skipif(not hasattr(os, "copy_file_range"), reason="this system cannot")


@pytest.fixture
def files(tmp_path):
    (tmp_path / "source").write_bytes(bytes(range(100)))
    with (tmp_path / "source").open("rb") as source, (tmp_path / "target").open("wb", buffering=0) as target:
        target.write(b"head")
        yield source.fileno(), target.fileno(), tmp_path / "target"


@kernel_copies
def test_a_part_of_a_file_is_appended_to_another(files):
    source, target, path = files
    assert copy_range(source, target, 10, 20) == 20
    assert path.read_bytes() == b"head" + bytes(range(10, 30))


@kernel_copies
def test_no_more_is_copied_than_there_is(files):
    source, target, path = files
    assert copy_range(source, target, 90, 20) == 10
    assert path.read_bytes() == b"head" + bytes(range(90, 100))


def test_where_the_kernel_cannot_copy_nothing_is_copied(files, monkeypatch):
    source, target, path = files

    def refuse(*_):
        raise OSError(errno.EXDEV, "two file systems")

    monkeypatch.setattr(os, "copy_file_range", refuse, raising=False)
    assert copy_range(source, target, 0, 10) == 0
    monkeypatch.delattr(os, "copy_file_range")
    assert copy_range(source, target, 0, 10) == 0
    assert path.read_bytes() == b"head"


def test_the_disk_is_asked_while_more_is_written_and_once_more_at_the_end(tmp_path, monkeypatch):
    real, asked, early = os.fsync, [], Event()

    def fsync(descriptor):
        asked.append((thread() is main_thread(), os.fstat(descriptor).st_size))
        real(descriptor)
        early.set()

    monkeypatch.setattr(os, "fsync", fsync)
    with (tmp_path / "file").open("wb") as file, synced(file):
        file.write(b"begin")
        assert early.wait(10)
        file.write(b" and end")
    assert asked[0][0] is False
    assert asked[-1] == (True, len(b"begin and end"))


def test_what_the_disk_refuses_early_is_raised_at_the_end(tmp_path, monkeypatch):
    asked = Event()

    def fsync(descriptor):
        if not asked.is_set():  # Linux tells of an error once: the last call would hear nothing of it
            asked.set()
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fsync)
    with (tmp_path / "file").open("wb") as file, pytest.raises(OSError, match="Input/output"), synced(file):
        assert asked.wait(10)


def test_an_error_of_the_writer_comes_first(tmp_path):
    with (tmp_path / "file").open("wb") as file, pytest.raises(KeyError), synced(file):
        raise KeyError
