"""Artifacts at a URL that fsspec reaches (a bucket, a server, a folder), to have what others have made already.

    URL/torch2caffe2-store-2/artifacts/ab/<key>/   as in a store of that format; the manifest.json is written last

Whoever can write there decides what is served under a key, as with a store. But nothing there is believed to be whole,
of a sensible size, or quick: each byte is checked before a store takes it in, and no call is waited for without end.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from threading import Thread, get_ident
from typing import Any, BinaryIO

from pipeline.errors import MachineError, MissingLibrary, UsageError
from pipeline.store import manifest
from pipeline.store.store import KEY, MANIFEST, Artifact, Damage, Session, Store, content_digest
from pipeline.store.writing import new
from pipeline.wire.digest import digest

_PLACE = f"torch2caffe2-store-{manifest.FORMAT}/artifacts"
_PATIENCE = 20.0  # seconds for a call that moves next to nothing
_SLOWEST = 100_000  # bytes a second that the others move at least
_LISTING = 600.0  # seconds in which all that is there is listed
_REST = 300.0  # seconds for which a remote store that has failed is not asked again, by this command or worker
_BLOCK = 8 << 20  # bytes that are read by one call
_LARGEST = 4 << 20  # bytes of a manifest
_MOST = 1000  # files of an artifact
_LONGEST = 255  # bytes of a file's name
_NOWHERE = "there is no such bucket or folder"

Tell = Callable[[int, int, str], None]  # how much of how much, of what

_failed: dict[str, float] = {}  # when each remote store did last


class RemoteError(MachineError):
    """A remote store does not answer, or refuses."""


@dataclass(frozen=True, slots=True)
class Remote:
    """The remote store at a URL; "" for none. What fails raises RemoteError, and is not `usable` for a while."""

    url: str

    def require(self) -> None:
        """Raise UsageError where nothing that is installed reaches it; what failed before counts no longer."""
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
        """Return whether there is one, and it has not failed just now."""
        return bool(self.url) and time.monotonic() >= _failed.get(self.url, -_REST) + _REST

    def manifest(self, key: str) -> dict[str, Any] | Damage | None:
        """Return what the manifest of an artifact says; its files are not looked at."""
        try:
            return _sound(key, self._ask("cat_file", self._place(key, MANIFEST), start=0, end=_LARGEST + 1))
        except FileNotFoundError:
            return None
        except ValueError as error:
            return Damage(key, f"{MANIFEST} {error}")

    def fetch(self, key: str, store: Store, session: Session, tell: Tell) -> Artifact | Damage | None:
        """Publish an artifact in `store` once each byte is found to be what its manifest says; under the key's lock.

        Raises OSError for what the machine refuses.
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
        return store.publish(folder, found, {name: entry["blake3"] for name, entry in files.items()})

    def send(self, artifact: Artifact) -> None:
        """Write an artifact there, over what there may be of it. Raises OSError for what the machine refuses."""
        for name in (*artifact.files, MANIFEST):  # without which the others are no artifact
            self._put(artifact.path / name, self._place(artifact.key, name))

    def held(self) -> dict[str, dict[str, int]]:
        """Return the sizes of the files of each artifact that has a manifest there, by its key and their names."""
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
        """Yield what there is of a file, `size` bytes of it at most."""
        with suppress(FileNotFoundError):
            for start in range(0, size, _BLOCK):
                end = min(start + _BLOCK, size)
                yield self._ask("cat_file", place, start=start, end=end, patience=_patience(end - start))

    def _put(self, path: Path, place: str) -> None:
        patience = _patience(path.stat().st_size)
        try:
            self._ask("put_file", str(path), place, patience=patience)
        except FileNotFoundError:  # where there are folders, and its own is not yet
            try:
                self._make_folders(PurePosixPath(place))
                self._ask("put_file", str(path), place, patience=patience)
            except FileNotFoundError as error:
                raise self._failure(_NOWHERE) from error

    def _make_folders(self, place: PurePosixPath) -> None:
        """Make the folders below that of the URL: that one, or a bucket, is not made where it was merely misspelt."""
        for folder in reversed(place.parents[:-1]):
            with suppress(FileExistsError):
                self._ask("mkdir", str(folder), create_parents=False)

    def _ask(self, method: str, *paths: str, patience: float = 0.0, **how: Any) -> Any:  # noqa: ANN401
        """Return what a method of the file system gives, within some seconds. Raises FileNotFoundError as that does."""
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
        except Exception as error:  # whatever the libraries of others raise
            raise self._failure(f"{type(error).__name__}: {error}"[:500]) from error

    def _failure(self, why: str) -> RemoteError:
        _failed[self.url] = time.monotonic()
        _connected.cache_clear()  # the connection may be what has failed
        return RemoteError("the remote store cannot be used", where=self.url, why=why)


def _patience(size: int) -> float:
    """Return how long to wait for a call that moves so many bytes."""
    return _PATIENCE + size / _SLOWEST


def _system(url: str, thread: int) -> Any:  # noqa: ANN401 - a file system of fsspec
    """Return what reads and writes below a URL for a thread: of those that are not asynchronous, each has its own."""
    from fsspec import get_filesystem_class

    return _connected(url, 0 if get_filesystem_class(_protocol(url)).async_impl else thread)


@cache
def _connected(url: str, thread: int) -> Any:  # noqa: ANN401
    """Connect with the credentials that fsspec finds. Raises whatever it likes."""
    from fsspec.core import url_to_fs
    from fsspec.implementations.dirfs import DirFileSystem

    system, root = url_to_fs(url, skip_instance_cache=True)
    return DirFileSystem(root, system)


def _protocol(url: str) -> str:
    return url.partition("://")[0]


def _sound(key: str, text: bytes) -> dict[str, Any]:
    """Return what a manifest from elsewhere says of `key`. Raises ValueError where a store could not keep that."""
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


def _written(blocks: Iterable[bytes], stream: BinaryIO, done: int, size: int, tell: Tell) -> Iterator[bytes]:
    """Yield the blocks of a file as they are written; `done` of `size` bytes were before."""
    for block in blocks:
        stream.write(block)
        done += len(block)
        tell(done, size, "bytes")
        yield block
