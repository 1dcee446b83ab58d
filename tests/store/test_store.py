from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from pipeline.store.store import MANIFEST, Artifact, Damage, Store
from pipeline.wire import splice
from tests.engine.fakes import NAMES, Bench
from tests.support import digested

KEY = "ab" * 32
FACTS = {
    **{"kind": "graph", "stage": "import", "origin": "made", "parents": {}, "components": {}, "versions": {}},
    **{"started": "2026-01-01T00:00:00+00:00", "run": "1", "source": {"files": {}}, "options": {}, "command": []},
}


def _publish(store: Store, text: bytes = b"hello", key: str = KEY) -> Artifact:
    with store.sessions.open() as session:
        folder = session.temporary("x")
        (folder / "a.txt").write_bytes(text)
        return store.publish(folder, FACTS | {"key": key})


def test_what_was_published_is_found_and_read_only(store: Store) -> None:
    _publish(store)
    found = store.find(KEY)
    assert isinstance(found, Artifact)
    assert (found.path / "a.txt").read_bytes() == b"hello"
    assert {oct(path.stat().st_mode & 0o777) for path in found.path.iterdir()} == {"0o444"}
    assert found.size == 5


def test_what_was_never_published_is_not_found(store: Store) -> None:
    assert store.find(KEY) is None


def test_content_alone_decides_the_content_digest(store: Store) -> None:
    one, two = _publish(store, key="ab" * 32), _publish(store, key="cd" * 32)
    assert one.digest == two.digest
    assert one.digest != _publish(store, b"other", key="ef" * 32).digest


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: _flip(folder / "a.txt"), "a.txt has changed"),
        (lambda folder: (folder / "a.txt").unlink(), "a.txt is missing"),
        (lambda folder: (folder / "b.txt").write_text(""), "b.txt is new"),
        (lambda folder: _flip(folder / MANIFEST), f"{MANIFEST} is damaged"),
        (lambda folder: (folder / MANIFEST).unlink(), f"{MANIFEST} is missing"),
    ],
)
def test_a_damaged_artifact_is_put_aside_and_never_served(store: Store, damage: object, said: str) -> None:
    damage(_publish(store).path)  # type: ignore[operator]
    found = store.find(KEY)
    assert isinstance(found, Damage)
    assert found.reason == said
    assert (found.quarantine / "quarantine.txt").read_text() == said + "\n"
    assert store.find(KEY) is None


def test_why_an_artifact_was_put_aside_is_written_through_no_link(store: Store, tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.tex"
    thesis.write_text("mine")
    (_publish(store).path / "quarantine.txt").symlink_to(thesis)
    assert isinstance(store.find(KEY), Damage)
    assert thesis.read_text() == "mine"


def test_an_artifact_of_another_format_is_not_served(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.store.manifest.FORMAT", 1)
    _publish(store)
    monkeypatch.undo()
    found = store.find(KEY)
    assert isinstance(found, Damage)
    assert "not of format 2" in found.reason


def test_every_flipped_byte_of_a_manifest_is_noticed(store: Store) -> None:
    path = _publish(store).path / MANIFEST
    sound = path.read_bytes()
    path.chmod(0o644)
    for at in range(len(sound)):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        found = store.read(KEY)
        assert isinstance(found, Damage) or found.manifest == json.loads(sound)
    path.write_bytes(sound)
    assert isinstance(store.read(KEY), Artifact)


@pytest.mark.parametrize("goes_on", [False, True], ids=["afterwards", "meanwhile"])
@pytest.mark.parametrize("size", [5000, 3 << 20], ids=["small", "large"])
def test_a_file_that_is_cut_while_it_is_written_is_not_published(store: Store, size: int, goes_on: bool) -> None:
    with store.sessions.open() as session:
        folder = session.temporary("x")
        known = {"a.txt": splice.write(folder / "a.txt", [b"x" * size])}
        os.truncate(folder / "a.txt", size // 2)
        if goes_on:
            os.truncate(folder / "a.txt", size)
        with pytest.raises(OSError, match="cut while it was written"):
            store.publish(folder, FACTS | {"key": KEY}, known)
    assert store.find(KEY) is None


def test_a_large_file_with_a_hole_that_its_writer_made_is_published(store: Store) -> None:
    with store.sessions.open() as session:
        folder = session.temporary("x")
        with (folder / "a.txt").open("wb") as stream:
            stream.truncate(3 << 20)
        store.publish(folder, FACTS | {"key": KEY}, {"a.txt": digested(folder / "a.txt")})
    assert isinstance(store.find(KEY), Artifact)


def test_an_artifact_holds_plain_files_only(store: Store) -> None:
    with store.sessions.open() as session:
        folder = session.temporary("x")
        (folder / "inner").mkdir()
        with pytest.raises(ValueError, match="inner"):
            store.publish(folder, FACTS | {"key": KEY})
        folder = session.temporary("x")
        (folder / "link").symlink_to("/etc/passwd")
        with pytest.raises(ValueError, match="link"):
            store.publish(folder, FACTS | {"key": KEY})


def test_the_disk_has_confirmed_files_and_names_before_an_artifact_appears_and_its_own_name_after(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, real, synced = store.folder(KEY), os.fsync, []

    def fsync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_ino, place.exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    published = _publish(store).path
    inside = {path.stat().st_ino for path in (published, *published.iterdir())}
    assert {inode for inode, visible in synced if not visible} >= inside
    assert (place.parent.stat().st_ino, True) in synced


def test_the_disk_has_confirmed_the_name_of_a_shelf_before_an_artifact_lies_in_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, real, early = store.folder(KEY), os.fsync, []

    def fsync(descriptor: int) -> None:
        early.append((os.fstat(descriptor).st_ino, place.parent.exists() and not place.exists()))
        real(descriptor)

    place.parent.mkdir()  # by another process, which may not have come farther
    monkeypatch.setattr(os, "fsync", fsync)
    _publish(store)
    assert ((store.root / "artifacts").stat().st_ino, True) in early


def test_the_same_artifact_published_twice_is_kept_once(store: Store) -> None:
    first = _publish(store)
    inode = (first.path / "a.txt").stat().st_ino
    assert (_publish(store).path / "a.txt").stat().st_ino == inode
    assert list((store.root / "quarantine").iterdir()) == []


def test_another_content_under_one_key_replaces_the_old_and_keeps_it_aside(store: Store) -> None:
    _publish(store)
    _publish(store, b"other")
    found = store.find(KEY)
    assert isinstance(found, Artifact)
    assert (found.path / "a.txt").read_bytes() == b"other"
    assert len(list((store.root / "quarantine").iterdir())) == 1


def test_a_flipped_byte_in_the_store_is_found_at_the_next_run_and_made_again(bench: Bench) -> None:
    bench.run()
    before = bench.delivered()
    for stage in NAMES:
        key = next(entry.key for entry in bench.run().record.stages if entry.name == stage)
        for path in sorted(bench.store.folder(key).iterdir()):
            if path.stat().st_nlink > 1:  # shared with the output folder: an edit, not damage of the store
                continue
            _flip(path)
            bench.run()
            assert bench.ran() == [stage], path
            assert bench.delivered() == before


def test_a_second_run_of_the_same_model_waits_and_then_hits(bench: Bench) -> None:
    import dataclasses

    from tests.engine.fakes import EMIT, IMPORT

    inside, go_on = threading.Event(), threading.Event()

    def slow(task: object) -> None:
        inside.set()
        go_on.wait(20)
        IMPORT.run(task)  # type: ignore[arg-type]

    first = Bench(bench.folder)
    stages = (dataclasses.replace(IMPORT, run=slow), EMIT)
    thread = threading.Thread(target=lambda: first.run(stages=stages, output=bench.folder / "first"))
    thread.start()
    assert inside.wait(20)

    class Second(list):  # lets the first go on once the second waits
        def append(self, event: object) -> None:
            if type(event).__name__ == "StageWaiting":
                go_on.set()
            super().append(event)

    bench.events = Second()
    bench.run(stages=(IMPORT, EMIT), output=bench.folder / "second")
    thread.join(20)
    assert bench.ran() in ([], ["emit"])  # emit may be reached by either first
    assert "import" in bench.hits()
    assert first.ran()[0] == "import"
