from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.cli.app import run
from pipeline.errors import MachineError, UsageError
from pipeline.store import collect
from pipeline.store.mark import MARK
from pipeline.store.store import FOLDERS, Store
from tests.engine.fakes import Bench


def _tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder of another program that has all of a store's subfolders, with something in each."""
    folder = tmp_path / "app"
    for name in FOLDERS:
        (folder / name / "2024-thesis").mkdir(parents=True)
        (folder / name / "2024-thesis" / "notes.txt").write_text("mine")
    return folder


def test_a_store_that_is_not_there_is_told_and_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, empty = tmp_path / "a.caffemodel", tmp_path / "empty"
    file.touch()
    empty.mkdir()
    for place in (tmp_path / "typo", empty):
        for command in (["list"], ["check"], ["collect"], ["push", "--remote-store", f"file://{tmp_path}/remote"]):
            assert run(["cache", *command, "--store", str(place)]) == 2
            assert f"there is no store at {place}" in capsys.readouterr().err
        assert run(["lineage", str(file), "--store", str(place)]) == 2
    assert _tree(tmp_path) == {"a.caffemodel", "empty"}


def test_a_folder_without_the_mark_is_no_store_and_stays_as_it_is(bench: Bench, foreign: Path) -> None:
    before = _tree(foreign)
    with pytest.raises(UsageError, match="not a store"):
        bench.run(store=foreign)
    for command in (["list"], ["check"], ["collect"], ["collect", "--max-size", "0M"]):
        assert run(["cache", *command, "--store", str(foreign)]) == 2
    for command in (["plan", str(bench.model)], ["lineage", str(bench.model)]):
        assert run([*command, "--store", str(foreign)]) == 2
    assert _tree(foreign) == before


def test_an_empty_folder_and_a_new_one_become_stores(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for root in (tmp_path / "empty", tmp_path / "new" / "deep"):
        Store(root)
        assert json.loads((root / MARK).read_text())["format"] == 2
        Store(root)


def test_looking_at_a_store_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    Store(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_a_store_of_another_format_is_told_and_left_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.store import store

    bench.run()
    before = _tree(bench.root)
    monkeypatch.setattr(store, "FORMAT", 3)
    with pytest.raises(UsageError, match="another version"):
        bench.run()
    assert _tree(bench.root) == before


@pytest.mark.parametrize("text", [b"", b"{", b'{"format":3}', b"\xff"])
def test_a_damaged_mark_is_written_anew(bench: Bench, text: bytes) -> None:
    bench.run()
    whole = (bench.root / MARK).read_bytes()
    (bench.root / MARK).write_bytes(text)
    bench.run()
    assert (bench.root / MARK).read_bytes() == whole
    assert bench.ran() == []


def test_nothing_is_collected_in_a_store_whose_mark_is_damaged(bench: Bench) -> None:
    bench.run()
    (bench.root / MARK).write_bytes(b"{")
    there = sorted(bench.root.rglob("*"))
    assert run(["cache", "collect", "--max-size", "0", "--store", str(bench.root)]) == 2
    assert sorted(bench.root.rglob("*")) == there


def test_a_damaged_mark_that_is_a_file_elsewhere_too_leaves_that_one_alone(bench: Bench) -> None:
    bench.run()
    thesis = bench.folder / "thesis.tex"
    thesis.write_text("mine")
    (bench.root / MARK).unlink()
    (bench.root / MARK).hardlink_to(thesis)
    bench.run()
    assert thesis.read_text() == "mine"


def test_a_link_in_place_of_the_mark_is_refused(bench: Bench) -> None:
    bench.run()
    (bench.root / MARK).rename(bench.folder / "mark")
    (bench.root / MARK).symlink_to(bench.folder / "mark")
    with pytest.raises(UsageError, match="is a link"):
        bench.run()


@pytest.mark.parametrize("name", FOLDERS)
def test_a_link_in_place_of_a_subfolder_is_refused(bench: Bench, tmp_path: Path, name: str) -> None:
    bench.run()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / f"1-{'0' * 8}").mkdir()
    (bench.root / name).rename(tmp_path / "away")
    (bench.root / name).symlink_to(tmp_path / "home")
    for opened in (bench.run, lambda: Store(bench.root, create=False)):
        with pytest.raises(UsageError, match="is a link"):
            opened()
    assert _tree(tmp_path / "home") == {f"1-{'0' * 8}"}


def test_what_is_not_of_our_form_is_neither_swept_nor_collected_nor_in_the_way(bench: Bench) -> None:
    bench.run()
    home = bench.folder / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("mine")
    for name in ("sessions", "quarantine", "artifacts"):
        (bench.root / name / ".DS_Store").write_bytes(b"finder")
        (bench.root / name / "photos").mkdir()
    (bench.root / "sessions" / f"2024-{'b' * 8}").mkdir()  # of our form, and without our lock
    (bench.root / "sessions" / f"2024-{'b' * 8}" / "thesis.tex").write_text("mine")
    for name in ("digests/thesis.tex", "history/thesis.json", "locks/thesis.lock", "ledger/thesis.json"):
        (bench.root / name).write_text("mine")
        os.utime(bench.root / name, (1e9, 1e9))
    (home / ("a" * 64)).mkdir()
    (bench.root / "artifacts" / "aa").symlink_to(home)
    (bench.root / "sessions" / f"1-{'a' * 8}").symlink_to(home)
    (bench.root / "quarantine" / f"{'a' * 64}.{'b' * 8}").symlink_to(home)
    before = _tree(bench.root / "sessions") | _tree(bench.root / "quarantine")
    bench.run()
    assert collect.check(bench.store) == []
    assert collect.collect(bench.store, collect.Limits()) == []
    assert _tree(bench.root / "sessions") | _tree(bench.root / "quarantine") == before
    assert all(path.read_bytes() == b"mine" for path in bench.folder.rglob("thesis.*"))
    assert (home / ("a" * 64)).is_dir()


def test_no_artifact_is_kept_where_a_link_leads_out_of_the_store(bench: Bench) -> None:
    key = bench.run().record.stages[0].key
    home = bench.folder / "home"
    shelf = bench.store.folder(key).parent
    shelf.rename(home)
    shelf.symlink_to(home)
    before = _tree(home)
    with pytest.raises(OSError, match="symbolic links"):
        bench.store.find(key)
    assert isinstance(bench.run(root="x").error or bench.run(force=("import",)).error, MachineError)
    assert collect.collect(bench.store, collect.Limits(older_than=0)) is not None
    assert _tree(home) == before


@pytest.mark.parametrize("key", ["", "x", "../../etc", "/etc", "A" * 64, "a" * 63])
def test_what_is_no_key_names_no_folder(bench: Bench, key: str) -> None:
    with pytest.raises(ValueError, match="not the key"):
        bench.store.folder(key)
