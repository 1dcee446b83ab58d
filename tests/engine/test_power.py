"""What a power cut may take: nothing that a later run reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.fakes import Bench


class Disk:
    """Watches what the disk was asked to confirm, and which names were given to files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.confirmed: list[int] = []  # inodes of files and folders, in order
        self.renamed: list[tuple[Path, int, int]] = []  # the name, the inode, and how many were confirmed then
        real = os.fsync

        def fsync(descriptor: int) -> None:
            self.confirmed.append(os.fstat(descriptor).st_ino)
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)
        for name in ("replace", "rename"):
            monkeypatch.setattr(Path, name, self._watched(getattr(Path, name)))

    def _watched(self, rename):
        def watched(source: Path, target: Path) -> Path:
            self.renamed.append((Path(target), source.stat().st_ino, len(self.confirmed)))
            return rename(source, target)

        return watched

    def unsafe(self) -> list[Path]:
        """Return the names under which a power cut could have left nothing, or something old."""
        return [
            name
            for name, inode, count in self.renamed
            if inode not in self.confirmed[:count] or name.parent.stat().st_ino not in self.confirmed[count:]
        ]


def _read_later(bench: Bench, path: Path) -> bool:
    """Return whether a later run needs a file; of digests and of history that are torn it takes no notice."""
    cached = (bench.root / "digests", bench.root / "history")
    return path.parent not in cached and (bench.root / "sessions") not in path.parents


def test_every_name_that_a_later_run_reads_is_given_to_confirmed_bytes_and_confirmed_itself(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    bench.run()
    bench.run(root="x")
    bench.resume()
    names = {path.name for path, _, _ in disk.renamed}
    assert {"run.json", "manifest.json", "graph.json"} <= names
    assert [path for path in disk.unsafe() if _read_later(bench, path)] == []


def test_a_cached_run_asks_the_disk_for_little(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.run()
    disk = Disk(monkeypatch)
    bench.run()
    assert [path.name for path, _, _ in disk.renamed if _read_later(bench, path)] == ["run.json", "run.json"]
