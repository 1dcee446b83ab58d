from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.engine import delivery, events
from pipeline.engine.record import DeliveredFile, load
from pipeline.engine.reporters import remark
from pipeline.errors import MachineError, UsageError
from pipeline.stages.stage import Task
from pipeline.store.digests import Digests
from pipeline.wire.digest import file_digest
from tests.engine.fakes import EMIT, IMPORT, TORCH, TRANSLATE, VERIFY, Bench


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
    assert delivery.place({"b": source}, tmp_path, Digests(tmp_path), {"b": _entry(source)}) == {"b": "copied"}
    assert (tmp_path / "b").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("left", [b"cut", b"of the same size", b""], ids=["cut", "changed", "emptied"])
@pytest.mark.parametrize("size", [16, 1 << 17, 1 << 20], ids=["small", "remembered", "linked"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_file_that_changes_in_the_store_while_it_is_delivered_gets_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: bytes, size: int, moment: str
) -> None:
    whole, changed, output, real = tmp_path / "whole", tmp_path / "changed", tmp_path / "out", delivery._transfer
    output.mkdir()
    for path in (whole, changed):
        path.write_bytes(b"x" * size)
    digests = Digests(tmp_path / "digests")
    digests.folder.mkdir()
    digests.remember(changed, file_digest(changed))

    def meddled_with(source: Path, target: Path) -> str:
        how = real(source, target) if moment == "after" else ""
        if source == changed:
            source.write_bytes(left * (size // 16))
        return how or real(source, target)

    monkeypatch.setattr(delivery, "_transfer", meddled_with)
    entries = {"a": _entry(whole), "b": _entry(changed)}
    with pytest.raises(MachineError, match="changed while it was delivered"):
        delivery.place({"a": whole, "b": changed}, output, digests, entries)
    assert list(output.iterdir()) == []


def _entry(path: Path) -> DeliveredFile:
    return DeliveredFile(blake3=file_digest(path), size=path.stat().st_size, kind="caffe", key="k")


def test_large_files_are_read_once_for_their_digest(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.store import digests

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


def test_files_that_only_the_run_before_made_are_removed_and_named(bench: Bench) -> None:
    bench.run()
    (bench.output / "init_net.pb").unlink()
    bench.run(to=("caffe",))
    (told,) = (event for event in bench.events if isinstance(event, events.FilesRemoved))
    assert "predict_net.pb" in told.files
    assert "init_net.pb" not in told.files  # which was gone before
    assert not set(told.files) & {path.name for path in bench.output.iterdir()}
    assert "predict_net.pb" in remark(told)


def test_a_link_that_the_user_has_put_in_a_files_place_stays(bench: Bench, tmp_path: Path) -> None:
    bench.run()
    link, moved = bench.output / "init_net.pb", tmp_path / "moved.pb"
    link.rename(moved)
    link.symlink_to(moved)
    data = moved.read_bytes()
    assert bench.run().exit_code == 0
    assert bench.run(to=("caffe",)).exit_code == 0  # which has no init_net
    assert link.is_symlink() and moved.read_bytes() == data
    bench.model.write_bytes(TORCH + b"of other weights")
    outcome = bench.run()
    assert isinstance(outcome.error, UsageError) and "init_net.pb" in outcome.error.what
    assert link.is_symlink() and moved.read_bytes() == data


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


def _lenet(bench: Bench, folder: Path) -> dict[str, Path]:
    """Put a Caffe pair into a folder, under the names that deliveries have."""
    folder.mkdir(exist_ok=True)
    (folder / "deploy.prototxt").write_text('name: "n"\n')
    (folder / "model.caffemodel").write_bytes(b"\xffweights")
    return {"model": folder / "deploy.prototxt", "weights": folder / "model.caffemodel"}


def test_a_pair_converted_in_its_own_folder_is_never_ours(bench: Bench) -> None:
    pair = _lenet(bench, bench.output)
    assert bench.run(**pair).exit_code == 0
    assert not load(bench.output).delivered.keys() & {"deploy.prototxt", "model.caffemodel"}
    for options in ({}, {"stop_after": "import"}):  # one that would replace the pair, and one that has none
        bench.run(**options)
        assert pair["model"].read_text() == 'name: "n"\n'
        assert pair["weights"].read_bytes() == b"\xffweights"


def test_a_pair_that_a_run_made_and_another_read_is_nobodys_to_replace(bench: Bench) -> None:
    bench.run()
    pair = {"model": bench.output / "deploy.prototxt", "weights": bench.output / "model.caffemodel"}
    bench.run(**pair, output=bench.folder / "elsewhere")
    before = {path: path.read_bytes() for path in pair.values()}
    bench.model.write_bytes(TORCH + b"another net")
    outcome = bench.run()
    assert isinstance(outcome.error, UsageError)
    assert "--adopt" not in outcome.error.advice
    assert {path: path.read_bytes() for path in pair.values()} == before


def test_a_file_that_was_an_input_stays_whatever_store_the_next_run_keeps(bench: Bench) -> None:
    bench.run()
    pair = {"model": bench.output / "deploy.prototxt", "weights": bench.output / "model.caffemodel"}
    bench.run(**pair, output=bench.folder / "elsewhere")
    before = {path: path.read_bytes() for path in pair.values()}
    bench.model.write_bytes(TORCH + b"another net")
    outcome = bench.run(store=bench.folder / "another store")
    assert isinstance(outcome.error, UsageError)
    assert {path: path.read_bytes() for path in pair.values()} == before


@pytest.mark.parametrize("through", ["out", "link"])
def test_an_input_that_is_named_as_a_partial_file_of_ours_stays(bench: Bench, through: str) -> None:
    bench.output.mkdir()
    (bench.folder / "link").symlink_to(bench.output)
    mine = bench.output / ".graph.json.deadbeef.partial"
    mine.write_bytes(bench.model.read_bytes())
    assert bench.run(model=mine, output=bench.folder / through).exit_code == 0
    assert mine.read_bytes() == bench.model.read_bytes()


@pytest.mark.parametrize("option", ["model", "plugins"])
def test_the_input_of_a_run_survives_a_delivery_of_its_name(bench: Bench, option: str) -> None:
    bench.output.mkdir()
    mine = bench.output / "graph.json"
    mine.write_bytes(bench.model.read_bytes())
    outcome = bench.run(**{option: [mine] if option == "plugins" else mine})
    assert isinstance(outcome.error, UsageError)
    assert mine.read_bytes() == bench.model.read_bytes()


@pytest.mark.parametrize("name", ["manifest.json", "events.jsonl", "run.json", "verification.json", "graph.json"])
@pytest.mark.parametrize("thing", ["file", "nested file", "folder", "link", "dangling link"])
def test_what_bears_a_name_of_ours_and_is_not_is_left_alone(bench: Bench, name: str, thing: str) -> None:
    bench.output.mkdir()
    place, elsewhere = bench.output / name, bench.folder / "elsewhere"
    elsewhere.write_text('{"mine": 1}\n')
    if thing == "folder":
        place.mkdir()
    elif "file" in thing:
        place.write_text('{"mine": 1}\n' if thing == "file" else "[" * 100_000)
    else:
        place.symlink_to(elsewhere if thing == "link" else bench.folder / "nowhere")
    before = place.lstat().st_ino
    try:
        error = bench.run().error
    except UsageError as early:
        error = early
    assert isinstance(error, UsageError)
    assert name in error.what
    assert place.lstat().st_ino == before
    assert elsewhere.read_text() == '{"mine": 1}\n'


def test_nothing_is_written_through_a_link_and_what_a_dead_run_left_is_removed(bench: Bench) -> None:
    bench.run()
    precious = bench.folder / "precious"
    precious.write_text("mine")
    for name in ("run.json", "manifest.json", "graph.json", "report.html"):
        (bench.output / f".{name}.partial").symlink_to(precious)
    (bench.output / f".graph.json.{'a' * 8}.partial").write_text("half")
    (bench.output / ".other.partial").write_text("mine")
    bench.run(root="other")
    assert precious.read_text() == "mine"
    assert not (bench.output / f".graph.json.{'a' * 8}.partial").exists()
    assert (bench.output / ".other.partial").read_text() == "mine"


def test_two_stores_do_not_write_into_one_folder_at_once(bench: Bench) -> None:
    from pipeline.errors import MachineError

    def meanwhile(task: Task) -> None:
        with pytest.raises(MachineError, match="another run"):
            Bench.run(bench, store=bench.folder / "second")
        TRANSLATE.run(task)

    assert bench.run(stages=(IMPORT, EMIT, replace(TRANSLATE, run=meanwhile), VERIFY)).exit_code == 0


@pytest.mark.parametrize("inside", [f"quarantine/{'a' * 64}.{'b' * 8}", "sessions/12-abcdef01", "artifacts"])
def test_nothing_is_delivered_into_the_store(bench: Bench, inside: str) -> None:
    with pytest.raises(UsageError, match="inside the store"):
        bench.run(output=bench.root / inside)
