"""A remote store: artifacts at a URL that fsspec can reach (a bucket, a server, a folder), shared with others.

    URL/torch2caffe2-store-2/artifacts/ab/<key>/   as in a store of that format; the manifest.json is written last

Whoever can write there decides what is served under a key, as with a local store. But nothing there is assumed to be
complete, of a sensible size, or fast: every byte is checked before it enters a store, and every call has a time limit.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from threading import Thread, get_ident
from typing import Any, BinaryIO

from pipeline.errors import MachineError, MissingLibrary, UsageError
from pipeline.store import manifest
from pipeline.store.sessions import Session
from pipeline.store.store import KEY, MANIFEST, Artifact, Damage, Store, content_digest
from pipeline.store.writing import new
from pipeline.wire.digest import Digested, digest
from pipeline.wire.progress import Progress

_PLACE = f"torch2caffe2-store-{manifest.FORMAT}/artifacts"
_PATIENCE = 20.0  # seconds for a call that transfers next to nothing
_SLOWEST = 100_000  # bytes per second that other calls must transfer
_LISTING = 600.0  # seconds for listing everything
_REST = 300.0  # seconds for which this process does not use a remote store again that has failed
_BLOCK = 8 << 20  # bytes read by one call
_LARGEST = 4 << 20  # bytes of a manifest
_MOST = 1000  # files of an artifact
_LONGEST = 255  # bytes of a file's name
_NOWHERE = "there is no such bucket or folder"


_failed: dict[str, float] = {}  # when each remote store failed last


class RemoteError(MachineError):
    """A remote store refuses access, or does not answer."""


@dataclass(frozen=True, slots=True)
class Remote:
    """The remote store at a URL; "" for none. Failures raise RemoteError, and make it not `usable` for a while."""

    url: str

    def require(self) -> None:
        """Raise UsageError if no installed package can reach it. Earlier failures are forgotten."""
        _failed.pop(self.url, None)
        try:
            from fsspec import get_filesystem_class
        except ModuleNotFoundError:
            raise MissingLibrary("fsspec", "--remote-store") from None
        try:
            get_filesystem_class(_protocol(self.url))
        except (ImportError, ValueError) as error:
            raise UsageError(f"nothing that is installed reaches {self.url}", why=str(error)) from None

    @property
    def usable(self) -> bool:
        """Whether there is a remote store, and it has not failed recently."""
        return bool(self.url) and time.monotonic() >= _failed.get(self.url, -_REST) + _REST

    def manifest(self, key: str) -> dict[str, Any] | Damage | None:
        """Return the manifest of an artifact, without checking its files."""
        try:
            return _sound(key, self._ask("cat_file", self._place(key, MANIFEST), start=0, end=_LARGEST + 1))
        except FileNotFoundError:
            return None
        except ValueError as error:
            return Damage(key, f"{MANIFEST} {error}")

    def fetch(self, key: str, store: Store, session: Session, tell: Progress) -> Artifact | Damage | None:
        """Download an artifact, check every byte, and publish it in `store`. Call it under the lock of the key.

        Raises OSError for problems of the machine.
        """
        found = self.manifest(key)
        if not isinstance(found, dict):
            return found
        folder, files = session.temporary("remote"), found["files"]
        size, free = sum(entry["size"] for entry in files.values()), shutil.disk_usage(folder).free
        if size > free:
            return Damage(key, f"{MANIFEST} says {size} bytes, and there is room for {free}")
        done = 0
        for name, entry in files.items():
            with new(folder / name) as stream:
                blocks = self._blocks(self._place(key, name), entry["size"])
                if digest(_written(blocks, stream, done, size, tell)) != entry["blake3"]:
                    return Damage(key, f"{name} is missing or has changed")
            done += entry["size"]
        return store.publish(folder, found, {name: Digested(**entry) for name, entry in files.items()})

    def send(self, artifact: Artifact) -> None:
        """Upload an artifact, replacing what is there. Raises OSError for problems of the machine."""
        for name in (*artifact.files, MANIFEST):  # the manifest last: without it the files are no artifact
            self._put(artifact.path / name, self._place(artifact.key, name))

    def held(self) -> dict[str, dict[str, int]]:
        """Return the sizes of the files of each complete artifact, by key and file name."""
        self._ask("invalidate_cache")
        try:
            listed = self._ask("find", _PLACE, detail=True, patience=_LISTING)
        except FileNotFoundError as error:
            raise self._failure(_NOWHERE) from error
        found: dict[str, dict[str, int]] = {}
        for name, facts in listed.items():
            path = PurePosixPath(name)
            found.setdefault(path.parent.name, {})[path.name] = int(facts.get("size") or 0)
        return {key: sizes for key, sizes in found.items() if KEY.fullmatch(key) and MANIFEST in sizes}

    def _place(self, key: str, name: str) -> str:
        return f"{_PLACE}/{key[:2]}/{key}/{name}"

    def _blocks(self, place: str, size: int) -> Iterator[bytes]:
        """Yield the contents of a file in blocks, at most `size` bytes."""
        with suppress(FileNotFoundError):
            for start in range(0, size, _BLOCK):
                end = min(start + _BLOCK, size)
                yield self._ask("cat_file", place, start=start, end=end, patience=_patience(end - start))

    def _put(self, path: Path, place: str) -> None:
        patience = _patience(path.stat().st_size)
        try:
            self._ask("put_file", str(path), place, patience=patience)
        except FileNotFoundError:  # the folder of the artifact does not exist yet
            try:
                self._make_folders(PurePosixPath(place))
                self._ask("put_file", str(path), place, patience=patience)
            except FileNotFoundError as error:
                raise self._failure(_NOWHERE) from error

    def _make_folders(self, place: PurePosixPath) -> None:
        """Create folders below that of the URL. That folder itself is not created, as its name may be a mistake."""
        for folder in reversed(place.parents[:-1]):
            with suppress(FileExistsError):
                self._ask("mkdir", str(folder), create_parents=False)

    def _ask(self, method: str, *paths: str, patience: float = 0.0, **how: Any) -> Any:  # noqa: ANN401
        """Call a method of the file system with a time limit, and return its result. Raises FileNotFoundError."""
        promise: Future[Any] = Future()
        caller = get_ident()

        def ask() -> None:
            try:
                promise.set_result(getattr(_system(self.url, caller), method)(*paths, **how))
            except BaseException as error:
                promise.set_exception(error)

        Thread(target=ask, daemon=True).start()
        try:
            return promise.result(patience or _PATIENCE)
        except (FileNotFoundError, FileExistsError):
            raise
        except TimeoutError:
            raise self._failure("it does not answer in time") from None
        except Exception as error:  # whatever the libraries raise
            raise self._failure(f"{type(error).__name__}: {error}"[:500]) from error

    def _failure(self, why: str) -> RemoteError:
        _failed[self.url] = time.monotonic()
        _connected.cache_clear()  # the connection may be what has failed
        return RemoteError("the remote store cannot be used", where=self.url, why=why)


def _patience(size: int) -> float:
    """Return the time limit in seconds for a call that transfers so many bytes."""
    return _PATIENCE + size / _SLOWEST


def _system(url: str, thread: int) -> Any:  # noqa: ANN401 - a file system of fsspec
    """Return the file system of a URL for a thread: each thread has its own, unless it is asynchronous."""
    from fsspec import get_filesystem_class

    return _connected(url, 0 if get_filesystem_class(_protocol(url)).async_impl else thread)


@cache
def _connected(url: str, thread: int) -> Any:  # noqa: ANN401
    """Connect with the credentials that fsspec finds. Raises any exception."""
    from fsspec.core import url_to_fs
    from fsspec.implementations.dirfs import DirFileSystem

    system, root = url_to_fs(url, skip_instance_cache=True)
    return DirFileSystem(root, system)


def _protocol(url: str) -> str:
    return url.partition("://")[0]


def _sound(key: str, text: bytes) -> dict[str, Any]:
    """Return an untrusted manifest for `key`. Raises ValueError if a store could not hold the artifact."""
    if len(text) > _LARGEST:
        raise ValueError(f"is larger than {_LARGEST} bytes")
    found = manifest.parse(text)
    files = found["files"]
    if found["key"] != key:
        raise ValueError("is of another artifact")
    if found["digest"] != content_digest(files):
        raise ValueError("is damaged")
    if len(files) > _MOST:
        raise ValueError(f"tells of more than {_MOST} files")
    if MANIFEST in files or any(len(os.fsencode(name)) > _LONGEST for name in files):
        raise ValueError("tells of a file that no artifact can hold")
    return found


def _written(blocks: Iterable[bytes], stream: BinaryIO, done: int, size: int, tell: Progress) -> Iterator[bytes]:
    """Yield the blocks of a file as they are written; `done` of `size` bytes were before."""
    for block in blocks:
        stream.write(block)
        done += len(block)
        tell(done, size, "bytes")
        yield block
