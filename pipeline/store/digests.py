"""Computes content digests: of JSON values, and of files, with a cache keyed by the results of `stat`.

The cache only saves time: keys are always made of content digests, and an entry that is incomplete, foreign or out of
date is ignored. Small files are read again each time, which takes no longer than looking them up.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Thread
from typing import Any

from pipeline.store import writing
from pipeline.wire import plain
from pipeline.wire.digest import digest, file_digest
from pipeline.wire.kernel import LARGE

# How long a file must be unchanged before its digest is cached: two writes within one tick of the file system's clock
# cannot be distinguished by stat. Coarse clocks (whole seconds) need more.
_TICK_NS = 50_000_000
_COARSE_TICK_NS = 2_000_000_000
_WORTH = 1 << 16  # bytes; digests of smaller files are not cached


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the canonical text of a JSON value: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def digest_of(kind: str, value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return the digest of a value and its kind, so that values of different kinds never have the same digest."""
    return digest((canonical({"kind": kind, "value": value}),))


def sealed(kind: str, facts: Mapping[str, Any]) -> bytes:
    """Return facts to keep in a file, with a digest by which `unsealed` recognises that they are complete."""
    return canonical({"facts": facts, "check": digest_of(kind, facts)})


def unsealed(kind: str, path: Path) -> dict[str, Any] | None:
    """Return the facts in a file; None if there is no valid file."""
    try:
        kept = json.loads(plain.read(path))
        return dict(kept["facts"]) if kept["check"] == digest_of(kind, kept["facts"]) else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class Digests:
    """Digests of files, cached in `folder` by device, inode, size and both times, until the machine restarts.

    Each machine that shares the folder has a cache of its own.
    """

    folder: Path
    _begun: dict[Path, Thread] = field(default_factory=dict, compare=False)

    def ahead(self, paths: Iterable[Path]) -> None:
        """Start to digest large files in parallel, in the background. `of` waits for those it is called for."""
        for path in paths:
            with suppress(OSError):
                stat = path.stat()
                if stat.st_size >= LARGE and path not in self._begun and not self._recall(stat):
                    self._begun[path] = thread = Thread(target=self._try, args=(path,), daemon=True)
                    thread.start()

    def of(self, path: Path) -> str:
        """Return the digest of a file, from the cache if `stat` shows no change."""
        if begun := self._begun.pop(path, None):
            begun.join()
        return self._remembered(path)

    def _try(self, path: Path) -> None:
        with suppress(OSError):  # `of` will report it
            self._remembered(path)

    def _remembered(self, path: Path) -> str:
        before = path.stat()
        known = self._recall(before)
        if known:
            return known
        found = file_digest(path)
        coarse = before.st_mtime_ns % 1_000_000_000 == 0
        quiet = time.time_ns() - max(before.st_ctime_ns, before.st_mtime_ns)
        after = path.stat()
        if _identity(before) == _identity(after) and quiet > (_COARSE_TICK_NS if coarse else _TICK_NS):
            self.remember(path, found)
        return found

    def remember(self, path: Path, digest: str) -> None:
        """Cache the known digest of a file that nobody else writes, if the store is writable."""
        stat = path.stat()
        line = f"{_identity(stat)} {digest}"
        if stat.st_size >= _WORTH:
            with suppress(OSError):
                writing.keep(self._place(stat), f"{line} {digest_of('stat', line)[:16]}\n".encode())

    def relinked(self, path: Path, before: os.stat_result) -> None:
        """Keep the cached digest of a file after a hard link was made, which changed only its ctime since `before`."""
        known = self._recall(before)
        now = path.stat()
        if known and (now.st_mtime_ns, now.st_size) == (before.st_mtime_ns, before.st_size):
            self.remember(path, known)

    def _place(self, stat: os.stat_result) -> Path:
        return self.folder / f"{_machine()}-{stat.st_dev:x}-{stat.st_ino:x}"

    def _recall(self, stat: os.stat_result) -> str | None:
        if stat.st_size < _WORTH:
            return None
        try:
            *identity, digest, check = plain.read(self._place(stat)).decode().split()
        except (OSError, ValueError):
            return None
        line = " ".join(identity)
        if line != _identity(stat) or check != digest_of("stat", f"{line} {digest}")[:16]:
            return None
        return digest


@cache
def _machine() -> str:
    """Return eight hexadecimal digits that distinguish this machine from others in its network."""
    return digest_of("machine", platform.node())[:8]


@cache
def _boot() -> str:
    """Return an identifier of the last boot of the machine. Digests that were cached before it are ignored."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return "-"


def _identity(stat: os.stat_result) -> str:
    return f"{_boot()} {stat.st_dev} {stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"
