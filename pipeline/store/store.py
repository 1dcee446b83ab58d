"""The content-addressed store: artifacts on disk, published whole or not at all, checked when used.

    torch2caffe2-store.json   the mark: this folder is a store, in this format
    artifacts/ab/<key>/   the files of an artifact, read-only, and its manifest.json: the commit record
    sessions/<id>/        what one living process holds: a lock, the keys in use, temporary folders
    quarantine/           damaged artifacts, put aside
    history/              the last key components of each stage and source, to explain what changed
    ledger/               what outside the store its user has vouched for
    digests/, locks/      the digest cache; one lock file a key

A process that dies leaves a session whose lock is free: the next one to open the store sweeps it away. One without a
lock, where the file system's do not reach all machines, is nobody's to sweep.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from pipeline.config import ENVIRONMENT
from pipeline.store import locking, manifest, mark
from pipeline.store.digests import Digests, digest_of, sealed, unsealed
from pipeline.store.machine import on_machine
from pipeline.store.manifest import FORMAT, Components
from pipeline.store.writing import confirm, keep, new, write
from pipeline.wire import plain
from pipeline.wire.digest import file_digest

MANIFEST = "manifest.json"
FOLDERS = ("artifacts", "sessions", "quarantine", "history", "ledger", "digests", "locks")
KEY = re.compile(r"[0-9a-f]{64}")
_SHELF = re.compile(r"[0-9a-f]{2}")
_SESSION = re.compile(r"\d+-[0-9a-f]{8}")
_LOCK = "lock"  # of a session, in its folder
_QUARANTINED = re.compile(r"[0-9a-f]{64}\.[0-9a-f]{8}")
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Artifact:
    """A published artifact: its folder, and its manifest as read from there."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The cache key, which is the folder's name."""
        return str(self.manifest["key"])

    @property
    def kind(self) -> str:
        """What it is: "graph", "caffe" ..."""
        return str(self.manifest["kind"])

    @property
    def digest(self) -> str:
        """The digest of its content: of the names, sizes and bytes of its files, and nothing else."""
        return str(self.manifest["digest"])

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        """Its files: name -> digest and size."""
        return dict(self.manifest["files"])

    @property
    def size(self) -> int:
        """The bytes of its files."""
        return sum(entry["size"] for entry in self.manifest["files"].values())


@dataclass(frozen=True, slots=True)
class Damage:
    """An artifact that was found damaged: its key, why, and where it was put aside if it was."""

    key: str
    reason: str
    quarantine: Path | None = None


def default_root() -> Path:
    """Return the user's own store: where the environment says, else a folder in the user's cache.

    In the cache folder itself lies what versions before the first release kept, without a mark.
    """
    from platformdirs import user_cache_path

    told = os.environ.get(ENVIRONMENT["store"])
    return Path(told).absolute() if told else user_cache_path("torch2caffe2") / "store"


def content_digest(files: Mapping[str, Any]) -> str:
    """Return the digest of an artifact's content from its files' digests and sizes."""
    return digest_of("artifact", files)


class Store:
    """Artifacts under one folder. All methods raise OSError for what the machine refuses."""

    def __init__(self, root: Path, *, create: bool = True) -> None:
        """Open the store at `root`, or make one there; not `create`, only look. Raises UsageError for no store."""
        if create:
            mark.make(root, FORMAT, FOLDERS)
            if locking.by_files():
                locking.require(root)
        else:
            mark.require(root, FORMAT)
        self.root = root
        self.digests = Digests(root / "digests")

    def folder(self, key: str) -> Path:
        """Return the place of an artifact, present or not.

        Raises ValueError for what is no key, OSError where a link would lead it out of the store.
        """
        if not KEY.fullmatch(key):
            raise ValueError(f"{key!r} is not the key of an artifact")
        shelf = self.root / "artifacts" / key[:2]
        if shelf.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(shelf))
        return shelf / key

    def lock_file(self, name: str) -> Path:
        """Return the file of a lock."""
        return self.root / "locks" / f"{name}.lock"

    def lock(self, name: str) -> locking.Lock:
        """Return the lock of a key, or of another name; it is free again when its process dies."""
        return locking.lock(self.lock_file(name))

    def find(self, key: str) -> Artifact | Damage | None:
        """Look an artifact up and check every byte of it (files unchanged since their last check by stat).

        A damaged one is put aside; to be called under the lock of its key.
        """
        found = self.check(key)
        if isinstance(found, Damage):
            return replaced(found, quarantine=self.set_aside(key, found.reason))
        if found is not None:
            with suppress(OSError):
                os.utime(found.path)  # when it was last used
        return found

    def check(self, key: str) -> Artifact | Damage | None:
        """Look an artifact up and check every byte of it."""
        if not self.folder(key).exists():
            return None
        found = self.read(key)
        if isinstance(found, Artifact) and (reason := self._changed(found)):
            return Damage(key, reason)
        return found

    def read(self, key: str) -> Artifact | Damage:
        """Read an artifact's manifest without checking its files."""
        folder = self.folder(key)
        try:
            found = manifest.parse(plain.read(folder / MANIFEST))
        except FileNotFoundError:
            return Damage(key, f"{MANIFEST} is missing")
        except plain.NotPlainError:
            return Damage(key, f"{MANIFEST} is no file")
        except ValueError as error:
            return Damage(key, f"{MANIFEST} {error}")
        return Artifact(folder, found) if found["key"] == key else Damage(key, f"{MANIFEST} is of another artifact")

    def _changed(self, artifact: Artifact) -> str:
        """Say how an artifact's files differ from its manifest; empty where they do not."""
        present = {path.name for path in artifact.path.iterdir()} - {MANIFEST}
        if present != set(artifact.files):
            missing, surplus = set(artifact.files) - present, present - set(artifact.files)
            return ", ".join([f"{n} is missing" for n in sorted(missing)] + [f"{n} is new" for n in surplus])
        for name, entry in artifact.files.items():
            path = artifact.path / name
            if path.stat().st_size != entry["size"] or self.digests.of(path) != entry["blake3"]:
                return f"{name} has changed"
        return ""

    def set_aside(self, key: str, reason: str) -> Path:
        """Move an artifact into quarantine, never to be served again; its bytes are kept for a look."""
        place = self.root / "quarantine" / f"{key}.{os.urandom(4).hex()}"
        self.folder(key).rename(place)
        with suppress(OSError), new(place / "quarantine.txt") as stream:
            stream.write(f"{reason}\n".encode())
        return place

    def publish(self, folder: Path, facts: Mapping[str, Any], known: Mapping[str, str] = _NONE) -> Artifact:
        """Make an artifact of the files in a temporary `folder` of this store; all of it appears, or nothing.

        `known` is the digest of those files whose writer gave it; `facts` must hold `key` and `kind`.
        The disk has confirmed all that is in it before it appears, and when this returns, its name.
        Raises ValueError where the folder holds what an artifact cannot.
        """
        files = seal(folder, known)
        digest = content_digest(files)
        text = manifest.sealed({**facts, "files": files, "digest": digest})
        write(folder / MANIFEST, text, mode=0o444)
        confirm(*(folder / name for name in (*files, MANIFEST)), folder)
        place = self.folder(str(facts["key"]))
        _make_shelf(place.parent)
        try:
            folder.rename(place)
        except OSError:
            if not place.exists():
                raise
            present = self.check(place.name)
            if isinstance(present, Artifact) and present.digest == digest:
                return present
            self.set_aside(place.name, present.reason if isinstance(present, Damage) else "made anew, differently")
            folder.rename(place)
        confirm(place.parent)
        for name, entry in files.items():
            self.digests.remember(place / name, entry["blake3"])
        return Artifact(place, manifest.parse(text))

    def artifacts(self) -> Iterator[Artifact | Damage]:
        """Yield every artifact, of which only the manifest is checked."""
        return map(self.read, self.every_key())

    def every_key(self) -> list[str]:
        """Return the key of every artifact, sound or not."""
        shelves = _own((self.root / "artifacts").glob("??"), _SHELF)
        found = (folder.name for shelf in shelves for folder in _own(shelf.iterdir(), KEY))
        return sorted(key for key in found if self.folder(key).is_dir())

    def sessions(self) -> list[Path]:
        """Return the folders of the sessions, of living processes and of dead ones: those that hold our lock."""
        found = _own((self.root / "sessions").iterdir(), _SESSION)
        return sorted(place for place in found if (place / _LOCK).is_file())

    def dead(self) -> Iterator[Path]:
        """Return the sessions that processes left which died; to be called under the lock "sessions"."""
        return (place for place in self.sessions() if not alive(place))

    def quarantined(self) -> list[Path]:
        """Return the folders of the artifacts that were put aside."""
        return sorted(_own((self.root / "quarantine").iterdir(), _QUARANTINED))

    def sweep(self) -> None:
        """Remove what dead processes left; to be called under the lock "sessions"."""
        for place in self.dead():
            _remove(place)
        for place in _own((self.root / "sessions").iterdir(), _SESSION):
            with suppress(OSError):  # as it holds something: else its process died before it had its lock
                place.rmdir()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session for a run; sweeps what dead processes left, and its own folder at the end."""
        place = self.root / "sessions" / f"{os.getpid()}-{os.urandom(4).hex()}"
        try:
            with self._begun(place) if locking.by_files() else _unlocked(place):
                yield Session(place)
        finally:
            _remove(place)

    @contextmanager
    def _begun(self, place: Path) -> Iterator[None]:
        """Make the folder of a session, and hold its lock."""
        with self.lock("sessions"):
            self.sweep()
            place.mkdir()
            held = locking.lock(place / _LOCK)
            held.acquire(timeout=-1)
        try:
            yield
        finally:
            with suppress(OSError):
                held.release()

    def remember(self, what: str, names: Iterable[str], facts: Mapping[str, Any]) -> None:
        """Keep facts that only explain or save time; for a stage and a run's names, the components of the last key."""
        for of in names:
            with suppress(OSError):
                keep(self._history(what, of), sealed("facts", facts))

    def last(self, what: str, names: Iterable[str]) -> dict[str, Any] | None:
        """Return the facts that were kept last under the first name that has any; None where none are sound."""
        for of in names:
            found = unsealed("facts", self._history(what, of))
            with suppress(ValueError):  # of another type, or text that is no Unicode
                msgspec.convert(found, Components)
                return found
        return None

    def _history(self, what: str, of: str) -> Path:
        return self.root / "history" / f"{digest_of('history', [what, of])}.json"

    def keys_in_use(self) -> set[str]:
        """Return the keys that runs in progress have asked for."""
        keys: set[str] = set()
        for place in _own((self.root / "sessions").iterdir(), _SESSION):
            with suppress(OSError, ValueError):
                keys.update(plain.read(place / "keys").decode().split())
        return keys


def _remove(place: Path) -> None:
    """Remove the folder of a session, its lock last: who dies meanwhile leaves one that the next will sweep."""
    with suppress(OSError):
        for inner in place.iterdir():
            if inner.is_dir() and not inner.is_symlink():
                shutil.rmtree(inner, ignore_errors=True)
            elif inner.name != _LOCK:
                inner.unlink()
    shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _unlocked(place: Path) -> Iterator[None]:
    """Make the folder of a session by which nobody can tell whether its process lives: never empty, it is not swept."""
    fresh = place.with_name(f".{place.name}")
    fresh.mkdir()
    (fresh / "keys").touch()
    fresh.rename(place)
    yield


def alive(session: Path) -> bool:
    """Return whether the process to which the folder of a session belongs lives, on this machine or another one."""
    try:
        return locking.is_held(session / _LOCK)
    except FileNotFoundError:  # it has just ended
        return False


def opened(root: Path | None) -> Store:
    """Open the store at `root`, or where it is by default. Raises MachineError."""
    place = root or default_root()
    with on_machine("opening the store", place):
        return Store(place)


@dataclass(frozen=True, slots=True)
class Session:
    """What one run holds in the store while it lives."""

    path: Path

    def uses(self, key: str) -> None:
        """Have the collector leave this key alone; to be called before the key is looked up."""
        with (self.path / "keys").open("a") as stream:
            stream.write(key + "\n")

    def temporary(self, name: str) -> Path:
        """Make an empty folder on the store's file system that is gone when the session ends."""
        folder = self.path / f"{name}-{os.urandom(4).hex()}"
        folder.mkdir()
        return folder


def _own(paths: Iterable[Path], form: re.Pattern[str]) -> Iterator[Path]:
    """Yield the folders whose names have our form; links and strays are nobody's to touch."""
    return (path for path in paths if form.fullmatch(path.name) and path.is_dir() and not path.is_symlink())


def _make_shelf(shelf: Path) -> None:
    """Make the folder for artifacts whose keys begin alike; the disk confirms its name before anything lies in it."""
    shelf.mkdir(exist_ok=True)  # and not the store, if that is gone: it would be one without a mark
    with os.scandir(shelf) as found:
        if not any(found):
            confirm(shelf.parent)


def seal(folder: Path, known: Mapping[str, str] = _NONE) -> dict[str, dict[str, Any]]:
    """Make the files of a folder read-only; return their digest (where not `known`) and size by name.

    Raises ValueError for anything but plain files, and for a file with the manifest's name.
    """
    paths = sorted(folder.iterdir())
    for path in paths:
        if path.is_symlink() or not path.is_file() or path.name == MANIFEST:
            raise ValueError(f"a stage left {path.name}, which an artifact cannot hold")
        path.chmod(0o444)
    return {
        path.name: {"blake3": known.get(path.name) or file_digest(path), "size": path.stat().st_size} for path in paths
    }
