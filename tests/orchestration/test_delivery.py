from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pipeline.orchestration import delivery, events
from pipeline.orchestration.digests import Digests
from pipeline.orchestration.record import load
from tests.orchestration.fakes import Bench


def test_small_files_are_copied_and_large_ones_share_their_bytes(bench: Bench) -> None:
    bench.run()
    how = {event.file: event.how for event in bench.events if isinstance(event, events.FileDelivered)}
    assert how["deploy.prototxt"] == "copied"
    assert how["model.caffemodel"] in ("linked", "reflinked")
    assert os.access(bench.output / "deploy.prototxt", os.W_OK)


def test_where_links_are_impossible_the_file_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    monkeypatch.setattr(delivery, "reflink", lambda *_: False)
    source = tmp_path / "a"
    source.write_bytes(b"x" * (1 << 20))
    assert delivery.place(source, tmp_path / "b", Digests(tmp_path)) == "copied"
    assert (tmp_path / "b").read_bytes() == source.read_bytes()


def test_large_files_are_read_once_for_their_digest(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.orchestration import digests

    bench.run()
    read: list[Path] = []
    real = digests.file_digest
    monkeypatch.setattr(digests, "file_digest", lambda path: (read.append(path), real(path))[1])
    bench.run()
    assert [path.name for path in read if path.stat().st_size >= delivery.LINKED_FROM] == []


def test_a_second_delivery_keeps_what_is_there(bench: Bench) -> None:
    bench.run()
    before = {path.name: path.stat().st_ino for path in bench.output.iterdir()}
    bench.run()
    after = {path.name: path.stat().st_ino for path in bench.output.iterdir()}
    assert {n for n in before if before[n] != after[n]} <= {"run.json"}


def test_a_run_killed_while_it_delivers_knows_its_files_again(bench: Bench) -> None:
    bench.run()
    record = load(bench.output)
    record.pending, record.delivered, record.state = record.delivered, {}, "running"
    record.save(bench.output)
    assert bench.run(root="other").exit_code == 0  # which replaces them


def test_files_of_the_user_beside_ours_are_left_alone(bench: Bench) -> None:
    bench.output.mkdir()
    (bench.output / "notes.txt").write_text("mine")
    bench.run()
    assert (bench.output / "notes.txt").read_text() == "mine"
