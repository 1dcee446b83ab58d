import errno
import os

import pytest

from pipeline.wire.kernel import copy_range

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
