from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.orchestration import delivery, events
from pipeline.orchestration.digests import Digests
from pipeline.orchestration.record import load
from pipeline.stages.stage import Task
from tests.orchestration.fakes import EMIT, IMPORT, TRANSLATE, Bench


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


def test_a_file_that_is_edited_while_a_run_goes_on_is_not_overwritten_at_its_end(bench: Bench) -> None:
    def edit_meanwhile(task: Task) -> None:
        (bench.output / "deploy.prototxt").write_text("mine")
        TRANSLATE.run(task)

    bench.run()
    before = bench.delivered()
    outcome = bench.run(
        root="other", stages=(IMPORT, EMIT, replace(TRANSLATE, run=edit_meanwhile)), force=["translate"]
    )
    assert isinstance(outcome.error, UsageError)
    assert "deploy.prototxt" in outcome.error.what
    assert bench.delivered() == {**before, "deploy.prototxt": b"mine"}


def test_the_init_nets_are_listed_in_the_order_in_which_they_run(bench: Bench) -> None:
    names = ["init_net.pb", *(f"init_net_{number}.pb" for number in range(2, 12))]

    def split(task: Task) -> None:
        TRANSLATE.run(task)
        for name in names:
            (task.output / name).write_bytes(name.encode())

    bench.run(stages=(IMPORT, EMIT, replace(TRANSLATE, run=split)))
    assert json.loads((bench.output / "manifest.json").read_text())["files"]["init_nets"] == names
