"""Maintains the store: lists artifacts, checks every byte, and removes what is no longer needed."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Container, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipeline.errors import UsageError
from pipeline.store.lineage import ancestors
from pipeline.store.locking import Timeout
from pipeline.store.machine import on_machine
from pipeline.store.manifest import Moment
from pipeline.store.store import KEY, Artifact, Damage, Store
from pipeline.wire.digest import file_digest

# The names of files in digests/ and history/, and of the partial files that dead processes left there.
_KEPT = re.compile(r"[0-9a-f]+(-[0-9a-f]+){1,2}|[0-9a-f]{64}\.json|\..+\.[0-9a-f]{8}\.partial")
_DURATION = re.compile(r"(\d{1,19}(?:\.\d+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = re.compile(r"(\d{1,19}(?:\.\d+)?)\s*([kMGT]?)B?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """An artifact as `cache list` shows it. Times are in seconds since the epoch."""

    key: str
    kind: str
    origin: str
    model: str
    size: int
    made: float
    used: float


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of what stays: seconds since the last use, bytes in all, and newest artifacts of each model and kind.

    Networks that were `edited` by hand stay, with what they were made from, unless they are meant, too.
    """

    older_than: float | None = None
    max_size: int | None = None
    keep: int = 0
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Removal:
    """Something that was or would be removed, and why."""

    name: str
    size: int
    why: str


def parse_duration(text: str) -> float:
    """Return `30d`, `12h` or `45m` in seconds. Raises UsageError for other texts."""
    if match := _DURATION.fullmatch(text.strip()):
        return float(match[1]) * _SECONDS[match[2]]
    raise UsageError(f"{text!r} is no duration", advice="30d, 12h, 45m, 2w")


def parse_size(text: str) -> int:
    """Return `10G`, `500M` or `1.5TB` in bytes. Raises UsageError for other texts."""
    if match := _SIZE.fullmatch(text.strip()):
        return int(float(match[1]) * 1000 ** " kMGT".lower().index(match[2].lower() or " "))
    raise UsageError(f"{text!r} is no size", advice="10G, 500M, 1.5T")


def entries(store: Store) -> list[Entry]:
    """Return every valid artifact, most recently used first."""
    with on_machine("reading the store", store.root):
        found = [_entry(artifact) for artifact in store.artifacts() if isinstance(artifact, Artifact)]
    return sorted(found, key=lambda entry: (-entry.used, entry.key))


def _entry(artifact: Artifact) -> Entry:
    manifest = artifact.manifest
    return Entry(
        artifact.key,
        artifact.kind,
        str(manifest.get("origin", "")),
        str(manifest.get("options", {}).get("model", "")),
        artifact.size,
        msgspec.convert(manifest["started"], Moment).timestamp(),
        artifact.path.stat().st_mtime,
    )


def check(store: Store) -> list[tuple[str, str]]:
    """Digest every file of the store again; return the name of each damaged thing, and what is wrong.

    Damaged artifacts are moved to quarantine. Raises MachineError.
    """
    with on_machine("checking the store", store.root):
        return list(_problems(store))


def _problems(store: Store) -> Iterator[tuple[str, str]]:
    for key in store.every_key():
        with store.lock(key):
            found = store.check(key)
            reason = found.reason if isinstance(found, Damage) else _changed(found) if found else ""
            if reason:
                store.set_aside(key, reason)
                yield key, reason
    for place in store.sessions.dead():
        yield place.name, "was left behind by a process that died; the next run removes it"


def _changed(artifact: Artifact) -> str:
    for name, entry in artifact.files.items():
        if file_digest(artifact.path / name) != entry["blake3"]:
            return f"{name} has changed"
    return ""


def collect(store: Store, limits: Limits, dry_run: bool = False) -> list[Removal]:
    """Remove artifacts beyond the limits, except those that a run in progress uses, and leftovers.

    Leftovers are files of dead processes, artifacts in quarantine, and stale digests and locks. Raises MachineError.
    """
    with on_machine("collecting from the store", store.root):
        return _collect(store, limits, dry_run)


def _collect(store: Store, limits: Limits, dry_run: bool) -> list[Removal]:
    removed = []
    if not dry_run:
        _date_back(store)
    listed = entries(store)
    spared = set() if limits.edited else _edited(store, listed)
    for entry, why in _past(listed, limits, spared):
        if _remove(store, entry.key, dry_run):
            removed.append(Removal(entry.key, entry.size, why))
    for place in store.quarantined():
        removed.append(Removal(place.name, _size(place), "was damaged"))
        if not dry_run:
            shutil.rmtree(place)
    if not dry_run:
        store.sessions.sweep()
        _forget(store)
    return removed


def _date_back(store: Store) -> None:
    """Date what a clock that was wrong has put into the future as used now: it would be the last to grow old."""
    now = time.time()
    kept = (*(store.root / "digests").iterdir(), *(store.root / "history").iterdir())
    for path in (*map(store.folder, store.every_key()), *kept):
        with suppress(OSError):
            if path.lstat().st_mtime > now:
                os.utime(path, follow_symlinks=False)


def _edited(store: Store, listed: Iterable[Entry]) -> set[str]:
    """Return the keys of networks that were edited by hand, which nothing makes again, and of what they were made from.

    A resume of the run that adopted them needs both.
    """
    found = [store.read(entry.key) for entry in listed if entry.origin == "edited"]
    edited = [artifact for artifact in found if isinstance(artifact, Artifact)]
    return {each.key for artifact in edited for each in (artifact, *ancestors(store, artifact))}


def _past(listed: Iterable[Entry], limits: Limits, spared: Container[str]) -> Iterator[tuple[Entry, str]]:
    """Return the entries beyond the limits, without `spared` keys. In `listed`, the most recently used come first."""
    kept: dict[tuple[str, str], int] = {}
    total, now = 0, time.time()
    for entry in listed:
        group = (entry.model, entry.kind)
        kept[group] = kept.get(group, 0) + 1
        total += entry.size
        if kept[group] <= limits.keep or entry.key in spared:
            continue
        if limits.older_than is not None and now - entry.used > limits.older_than:
            yield entry, "has not been used for that long"
            total -= entry.size
        elif limits.max_size is not None and total > limits.max_size:
            yield entry, "the store is larger than that"
            total -= entry.size


def _remove(store: Store, key: str, dry_run: bool) -> bool:
    """Remove an artifact unless a run uses it. Runs announce a key before they wait for its lock."""
    lock = store.lock(key)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    try:
        if key in store.sessions.keys_in_use():
            return False
        if not dry_run:
            shutil.rmtree(store.set_aside(key, "collected"))  # moved away atomically first, then removed file by file
            store.lock_file(key).unlink(missing_ok=True)
        return True
    finally:
        lock.release()


def _forget(store: Store) -> None:
    """Remove digests and history that were not used for a month, and the locks of missing artifacts."""
    month_ago = time.time() - 30 * 86400
    for path in (*(store.root / "digests").iterdir(), *(store.root / "history").iterdir()):
        with suppress(OSError):
            if _KEPT.fullmatch(path.name) and path.lstat().st_mtime < month_ago:
                path.unlink()
    for path in (store.root / "locks").glob("*.lock"):
        if KEY.fullmatch(path.stem):
            lock = store.lock(path.stem)
            with suppress(Timeout, OSError):
                lock.acquire(timeout=0)
                if not store.folder(path.stem).exists():
                    path.unlink()
                lock.release()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
