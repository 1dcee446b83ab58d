"""The content-addressed store: artifacts on disk, each published as a whole or not at all, and checked when used.

torch2caffe2-store.json   the marker file: this folder is a store, in this format
artifacts/ab/<key>/   the files of an artifact, read-only, and its manifest.json, which is written last
sessions/<id>/        what one process is using: a lock, the keys in use, temporary folders
quarantine/           damaged artifacts
history/              the last key components of each stage and source, to explain what changed
ledger/               what runs of this user have used outside the store
digests/, locks/      the cache of digests; one lock file per key
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from pipeline.config import ENVIRONMENT
from pipeline.errors import UsageError
from pipeline.store import locking, manifest, mark
from pipeline.store.digests import Digests, digest_of, sealed, unsealed
from pipeline.store.machine import on_machine
from pipeline.store.manifest import FORMAT, Components
from pipeline.store.sessions import Sessions, folders_named
from pipeline.store.writing import confirm, keep, new, write
from pipeline.wire import plain
from pipeline.wire.digest import Digested, file_digest
from pipeline.wire.kernel import LARGE

MANIFEST = "manifest.json"
FOLDERS = ("artifacts", "sessions", "quarantine", "history", "ledger", "digests", "locks")
KEY = re.compile(r"[0-9a-f]{64}")
_SHELF = re.compile(r"[0-9a-f]{2}")
_QUARANTINED = re.compile(r"[0-9a-f]{64}\.[0-9a-f]{8}")
_NONE: Mapping[str, Digested] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Artifact:
    """A published artifact: its folder, and the contents of its manifest."""

    path: Path
    manifest: Mapping[str, Any]

    @property
    def key(self) -> str:
        """The cache key, which is the name of the folder."""
        return str(self.manifest["key"])

    @property
    def kind(self) -> str:
        """The kind of artifact: "graph", "caffe" ..."""
        return str(self.manifest["kind"])

    @property
    def digest(self) -> str:
        """The digest of the names, sizes and bytes of its files."""
        return str(self.manifest["digest"])

    @property
    def files(self) -> dict[str, dict[str, Any]]:
        """The digest and size of its files, by name."""
        return dict(self.manifest["files"])

    @property
    def size(self) -> int:
        """The size of its files in bytes."""
        return sum(entry["size"] for entry in self.manifest["files"].values())


@dataclass(frozen=True, slots=True)
class Damage:
    """A damaged artifact: its key, the reason, and its place in quarantine if it was moved there."""

    key: str
    reason: str
    quarantine: Path | None = None


def default_root() -> Path:
    """Return the user's own store: the one in the environment, or else a folder in the user's cache.

    It is a subfolder, because early versions left a store without a marker in the cache folder itself.
    """
    from platformdirs import user_cache_path

    told = os.environ.get(ENVIRONMENT["store"])
    return Path(told).absolute() if told else user_cache_path("torch2caffe2") / "store"


def content_digest(files: Mapping[str, Any]) -> str:
    """Return the digest of an artifact from the digests and sizes of its files."""
    return digest_of("artifact", files)


class Store:
    """The store in one folder. All methods raise OSError for problems of the machine."""

    def __init__(self, root: Path, *, create: bool = True) -> None:
        """Open the store at `root`, or create it there if `create`. Raises UsageError if the folder is not a store."""
        if create:
            mark.make(root, FORMAT, FOLDERS)
            if locking.by_files():
                locking.require(root)
        else:
            mark.require(root, FORMAT, FOLDERS)
        self.root = root
        self.digests = Digests(root / "digests")
        self.sessions = Sessions(root / "sessions", self.lock_file("sessions"))

    def folder(self, key: str) -> Path:
        """Return the folder of an artifact, whether it exists or not.

        Raises ValueError for an invalid key, OSError if a link would lead out of the store.
        """
        if not KEY.fullmatch(key):
            raise ValueError(f"{key!r} is not the key of an artifact")
        shelf = self.root / "artifacts" / key[:2]
        if shelf.is_symlink():
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(shelf))
        return shelf / key

    def lock_file(self, name: str) -> Path:
        """Return the path of a lock file."""
        return self.root / "locks" / f"{name}.lock"

    def lock(self, name: str) -> locking.Lock:
        """Return the lock of a key, or of another name. It is released when its process dies."""
        return locking.lock(self.lock_file(name))

    def find(self, key: str) -> Artifact | Damage | None:
        """Return an artifact after checking all its bytes (by `stat` if unchanged since the last check).

        A damaged one is moved to quarantine. Call it under the lock of the key.
        """
        found = self.check(key)
        if isinstance(found, Damage):
            return replaced(found, quarantine=self.set_aside(key, found.reason))
        if found is not None:
            with suppress(OSError):
                os.utime(found.path)  # the time of the last use
        return found

    def check(self, key: str) -> Artifact | Damage | None:
        """Return an artifact after checking it as `find` does, but leave a damaged one in its place."""
        if not self.folder(key).exists():
            return None
        found = self.read(key)
        if isinstance(found, Artifact) and (reason := self._changed(found)):
            return Damage(key, reason)
        return found

    def read(self, key: str) -> Artifact | Damage:
        """Return an artifact without checking its files."""
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
        """Return in words how the files of an artifact differ from its manifest; "" if they do not."""
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
        """Move an artifact to quarantine, so that it is never used again but can be inspected."""
        place = self.root / "quarantine" / f"{key}.{os.urandom(4).hex()}"
        self.folder(key).rename(place)
        with suppress(OSError), new(place / "quarantine.txt") as stream:
            stream.write(f"{reason}\n".encode())
        return place

    def publish(self, folder: Path, facts: Mapping[str, Any], known: Mapping[str, Digested] = _NONE) -> Artifact:
        """Publish the files in a temporary `folder` of this store as an artifact, atomically.

        `known` holds the digests and sizes of files whose writers computed them; `facts` must have `key` and `kind`.
        The files are synced to disk before the artifact appears, and its name before this returns. Raises as `seal`.
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
        """Yield every artifact with a valid manifest. The files are not checked."""
        return map(self.read, self.every_key())

    def every_key(self) -> list[str]:
        """Return the key of every artifact, damaged or not."""
        shelves = folders_named((self.root / "artifacts").glob("??"), _SHELF)
        found = (folder.name for shelf in shelves for folder in folders_named(shelf.iterdir(), KEY))
        return sorted(key for key in found if self.folder(key).is_dir())

    def quarantined(self) -> list[Path]:
        """Return the folders of the artifacts in quarantine."""
        return sorted(folders_named((self.root / "quarantine").iterdir(), _QUARANTINED))

    def remember(self, what: str, names: Iterable[str], facts: Mapping[str, Any]) -> None:
        """Keep facts that only explain or save time, by the names of a run: components of the last key of a stage."""
        for of in names:
            with suppress(OSError):
                keep(self._history(what, of), sealed("facts", facts))

    def last(self, what: str, names: Iterable[str]) -> dict[str, Any] | None:
        """Return the last facts under the first of the names that has any; None if there are no valid ones."""
        for of in names:
            found = unsealed("facts", self._history(what, of))
            with suppress(ValueError):  # of another type, or text that is no Unicode
                msgspec.convert(found, Components)
                return found
        return None

    def _history(self, what: str, of: str) -> Path:
        return self.root / "history" / f"{digest_of('history', [what, of])}.json"


def opened(root: Path | None) -> Store:
    """Return the store at `root`, or the default one, which is created if it is missing. Raises MachineError."""
    place = root or default_root()
    with on_machine("opening the store", place):
        return Store(place)


def existing(root: Path | None) -> Store:
    """Return the store at `root`. If there is none, create only the default one; raise UsageError for another.

    A damaged mark is mended by conversions only, for `cache collect` removes what has our form of name, and the folder
    is perhaps not ours. Raises MachineError.
    """
    if root is not None and root.absolute() != default_root():
        with on_machine("opening the store", root):
            if not mark.require(root, FORMAT, FOLDERS):
                raise UsageError(
                    f"there is no store at {root}, or its mark is damaged",
                    advice="a conversion with --store makes one, or mends it",
                )
    return opened(root)


def _make_shelf(shelf: Path) -> None:
    """Create the folder for artifacts whose keys begin alike, and sync its name to disk before it is used."""
    shelf.mkdir(exist_ok=True)  # not the store itself, if it was removed: it would lack its marker
    with os.scandir(shelf) as found:
        if not any(found):
            confirm(shelf.parent)


def seal(folder: Path, known: Mapping[str, Digested]) -> dict[str, dict[str, Any]]:
    """Make the files of a folder read-only, and return their digests and sizes by name.

    Raises ValueError for anything but plain files, and for a file with the name of the manifest; OSError for a file
    that is not what its writer told (`known`), since another program has cut it.
    """
    paths = sorted(folder.iterdir())
    for path in paths:
        if path.is_symlink() or not path.is_file() or path.name == MANIFEST:
            raise ValueError(f"a stage left {path.name}, which an artifact cannot hold")
        path.chmod(0o444)
    return {path.name: _digested(path, known.get(path.name))._asdict() for path in paths}


def _digested(path: Path, told: Digested | None) -> Digested:
    """Return the digest and size of a file. A large one is not read if its writer has told them.

    If a file is cut while it is written, a hole remains in it, or it is too short. Raises OSError.
    """
    with plain.opened(path) as stream:
        size, hole = os.fstat(stream.fileno()).st_size, 0
        if size >= LARGE:
            hole = os.lseek(stream.fileno(), 0, os.SEEK_HOLE)
    found = told if told and hole == size else Digested(file_digest(path), size)
    if told and (found, size) != (told, told.size):
        raise OSError(errno.EIO, "it was cut while it was written", str(path))
    return found
