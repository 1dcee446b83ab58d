"""Puts the files of artifacts into the output folder, without overwriting any file of the user."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline import formats
from pipeline.config import DEFAULT, Options
from pipeline.engine.record import LOG, RECORD, DeliveredFile, RunRecord
from pipeline.errors import MachineError, UsageError
from pipeline.graph import signature
from pipeline.graph.signature import MANIFEST, Manifest
from pipeline.stages.stage import RECORDED
from pipeline.store.digests import Digests
from pipeline.store.store import Artifact
from pipeline.store.writing import Writer, left_partial, replace_all, write
from pipeline.verification.evidence import FILE as VERIFICATION
from pipeline.wire import plain
from pipeline.wire.kernel import LARGE, copy_range, synced
from pipeline.wire.paths import canonical

LINKED_FROM = 1 << 20  # bytes: smaller files are copied, so that they can be edited in place
_FICLONE = 0x40049409  # ioctl of Linux that makes a file share the blocks of another

Delivered = dict[str, DeliveredFile]
_NONE: Mapping[str, Writer] = MappingProxyType({})


def edited(folder: Path, delivered: Mapping[str, Mapping[str, Any]], digests: Digests) -> list[str]:
    """Return the delivered files that were changed since. Files that were removed do not count."""
    return [
        name
        for name, entry in delivered.items()
        if os.path.lexists(folder / name) and not holds(folder / name, entry, digests)
    ]


def refuse_overwriting(folder: Path, names: Iterable[str], edited: Container[str]) -> None:
    """Raise UsageError if there are files that would be overwritten. If all were `edited`, a run can adopt them."""
    if names := sorted(names):
        can_adopt = all(name in edited for name in names)
        foreign = "no run delivered what is there, or it is a link or the input of a run"
        raise UsageError(
            f"{', '.join(names)} in {folder} would be overwritten",
            why="what is there was changed since a run delivered it" if can_adopt else foreign,
            advice=(f"torch2caffe2 resume {folder} --adopt goes on from an edited net;\nor " if can_adopt else "")
            + "move the file away, or choose another --output",
        )


def contents(artifacts: Iterable[Artifact]) -> Delivered:
    """Return the files that artifacts deliver to an output folder. For equal names, the later artifact counts."""
    found: Delivered = {}
    for artifact in artifacts:
        for name, entry in artifact.files.items():
            if name not in (signature.FILE, RECORDED):
                blake3, size = entry["blake3"], entry["size"]
                found[name] = DeliveredFile(blake3=blake3, size=size, kind=artifact.kind, key=artifact.key)
                if name in artifact.manifest.get("edited", ()):
                    found[name]["edited"] = True
    return found


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a run delivers to its output folder, and which files there it may replace or remove.

    A file that was there with the same bytes before any run delivered it, or that a run reads as its input, belongs to
    the user: it is kept, and does not count as delivered.
    """

    folder: Path
    artifacts: Sequence[Artifact]
    before: Mapping[str, DeliveredFile]  # what earlier runs delivered
    wanted: Delivered
    kept: frozenset[str]  # the wanted files that are there already
    ours: frozenset[str]  # the files of earlier runs that may be replaced or removed
    left: tuple[Path, ...]  # partial files of runs that died

    @property
    def claimed(self) -> Delivered:
        """The files that count as delivered by this program afterwards, for the record."""
        return {
            name: entry
            for name, entry in self.wanted.items()
            if name in self.ours or name not in self.kept or entry.get("edited")
        }


def prepare(
    folder: Path,
    artifacts: Sequence[Artifact],
    before: Mapping[str, DeliveredFile],
    digests: Digests,
    is_input: Callable[[Path], bool] = lambda path: False,
) -> Delivery:
    """Return a delivery; `before` is what earlier runs delivered to `folder`.

    Raises UsageError if a file in its place is neither what was delivered before nor what is to be delivered now.
    """
    wanted = contents(artifacts)
    ours = frozenset(n for n, entry in before.items() if not entry.get("edited") and not _others(folder / n, is_input))
    kept = frozenset(name for name, entry in wanted.items() if holds(folder / name, entry, digests))
    foreign = {name for name in wanted if name not in ours and os.path.lexists(folder / name)}
    changed = {*edited(folder, before, digests)}
    refuse_overwriting(folder, (foreign | changed) - kept, changed)
    refuse_foreign(folder)
    left = tuple(p for p in left_partial(folder, {MANIFEST, *OWN, *wanted, *before}) if not is_input(p))
    return Delivery(folder, artifacts, before, wanted, kept, ours, left)


def _others(path: Path, is_input: Callable[[Path], bool]) -> bool:
    """Return whether a file in the place of a delivered one is the user's: an input of a run, or a symbolic link."""
    return path.is_symlink() or is_input(path)


def deliver(
    found: Delivery,
    digests: Digests,
    *,
    record: Writer,
    finished: bool,
    report: Callable[[str, int, str], None],
) -> tuple[str, ...]:
    """Bring a folder up to date, and return the files that were removed.

    Files of earlier runs that this one did not make are removed. If anything changes, the `record` of what is being
    delivered is written first. The old `manifest.json` is removed before the files are replaced, and the new one is
    written last, only if the run is `finished`.
    """
    folder, wanted = found.folder, found.wanted
    manifest = _manifest(found.artifacts, wanted) if finished else None
    if found.kept != set(wanted) or not _same(folder / MANIFEST, manifest):
        (folder / MANIFEST).unlink(missing_ok=True)
    removed = tuple(name for name in sorted(found.ours - set(wanted)) if os.path.lexists(folder / name))
    for name in removed:
        (folder / name).unlink(missing_ok=True)
    for path in found.left:
        path.unlink(missing_ok=True)
    sources = {name: artifact.path / name for artifact in found.artifacts for name in artifact.files}
    first = {RECORD: record} if found.claimed != found.before else {}
    last = {} if manifest is None or _same(folder / MANIFEST, manifest) else {MANIFEST: partial(write, data=manifest)}
    new = {name: sources[name] for name in wanted if name not in found.kept}
    how = place(new, folder, digests, wanted, first, last)
    for name, entry in wanted.items():
        report(name, entry["size"], how.get(name, "kept"))
    return removed


def refuse_foreign(folder: Path) -> None:
    """Raise UsageError if a file in an output folder has a name that runs use, but was not written by a run."""
    foreign = [name for name, is_ours in OWN.items() if os.path.lexists(folder / name) and not is_ours(folder / name)]
    refuse_overwriting(folder, foreign, edited=())


def refuse_names(folder: Path, paths: Iterable[Path]) -> None:
    """Raise UsageError if a file that the user wants written has the name and place of a file that runs deliver."""
    theirs = {*OWN, VERIFICATION, *(name for each in formats.FORMATS for role in each.roles for name in role.files)}
    for path in paths:
        if path.name in theirs and canonical(path.parent) == canonical(folder):
            raise UsageError(
                f"{path} cannot be written",
                why=f"a run brings a file {path.name} of its own to {folder}",
                advice="choose another name, or another folder",
            )


def _own_manifest(path: Path) -> bool:
    return _json(path).keys() == {"inputs", "outputs", "files"}


def _own_record(path: Path) -> bool:
    """Return whether a record was written by a run. It may be empty or incomplete after a power cut."""
    data = b""
    with suppress(OSError):
        data = plain.read(path) if _plain(path) else b"somebody else's"
    with suppress(ValueError, RecursionError):
        found = json.loads(data)
        return isinstance(found, dict) and found.keys() >= {"run", "stages", "delivered"}
    return not data.strip(b"\0") or data.startswith(b'{\n  "run": "')


def _own_log(path: Path) -> bool:
    with suppress(ValueError, AttributeError, OSError, RecursionError):
        if _plain(path):
            with path.open("rb") as stream:
                first = stream.readline(_LONGEST_LINE)
            return not first or json.loads(first).keys() >= {"time", "event", "model"}
    return False


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a plain file; an empty one if there is none."""
    with suppress(ValueError, OSError, RecursionError):
        if _plain(path) and isinstance(found := json.loads(plain.read(path)), dict):
            return found
    return {}


_LONGEST_LINE = 1 << 20  # bytes of an event
OWN = {MANIFEST: _own_manifest, RECORD: _own_record, LOG: _own_log}  # the files that runs write themselves, not stages


def refuse_other_model(options: Options, earlier: RunRecord | None) -> None:
    """Raise UsageError if the default output folder holds files that were made from another model."""
    if earlier is None or not earlier.delivered or options.origins.get("output") != DEFAULT:
        return
    model = str(earlier.options["model"])
    if canonical(Path(model)) != canonical(options.model):
        raise UsageError(
            f"{options.output} holds the networks made from {model}",
            why="both models would go to the folder that is named after their files",
            advice=f"choose another folder with --output, or --output {options.output.name} to replace what is there",
        )


def place(
    sources: Mapping[str, Path],
    folder: Path,
    digests: Digests,
    entries: Mapping[str, DeliveredFile],
    first: Mapping[str, Writer] = _NONE,
    last: Mapping[str, Writer] = _NONE,
) -> dict[str, str]:
    """Put files of the store into a folder under these names, and return how: copied, reflinked or linked.

    Files in `first` are put in place before the others, files in `last` after them. Raises MachineError, before any
    file is in place, if one is no longer what its entry says. This checks the source after it was copied or linked:
    its digest is remembered as long as `stat` says that it is unchanged, so that large files are not read again.
    """
    how, linked = dict[str, str](), dict[str, os.stat_result]()

    def transfer(name: str, target: Path) -> None:
        source, entry = sources[name], entries[name]
        before = source.stat()
        how[name] = _transfer(source, target)
        if how[name] == "linked":
            digests.relinked(source, before)
            linked[name] = source.stat()
        if target.stat().st_size != entry["size"] or digests.of(source) != entry["blake3"]:
            raise MachineError(f"{source} changed while it was delivered", advice="run again: it is made anew")

    files = {name: partial(transfer, name) for name in sources}
    replace_all(*({folder / name: make for name, make in step.items()} for step in (first, files, last)))
    for name, before in linked.items():
        digests.relinked(sources[name], before)  # whose ctime the renaming has changed
    return how


def _transfer(source: Path, target: Path) -> str:
    if source.stat().st_size >= LINKED_FROM:
        if reflink(source, target):
            return "reflinked"
        try:
            target.hardlink_to(source)
        except OSError:
            pass  # another file system, or one without hard links
        else:
            return "linked"
    copy(source, target)
    return "copied"


def reflink(source: Path, target: Path) -> bool:
    """Make `target` share the blocks of `source` if the file system supports it; return whether it does."""
    with source.open("rb") as read, target.open("xb") as write:
        try:
            fcntl.ioctl(write.fileno(), _FICLONE, read.fileno())
        except OSError:
            target.unlink()
            return False
    return True


def copy(source: Path, target: Path) -> None:
    """Copy a file. The copy is writable. The disk starts to write a large one meanwhile."""
    size = source.stat().st_size
    with source.open("rb") as read, target.open("xb") as write, synced(write) if size >= LARGE else nullcontext():
        copied = copy_range(read.fileno(), write.fileno(), 0, size)
        read.seek(copied)
        write.seek(copied)
        shutil.copyfileobj(read, write, 1 << 22)


def holds(path: Path, entry: Mapping[str, Any], digests: Digests) -> bool:
    """Return whether a file has exactly the bytes of `entry`."""
    if not path.is_file() or path.stat().st_size != entry["size"]:
        return False
    return digests.of(path) == str(entry["blake3"])


def _same(path: Path, text: bytes | None) -> bool:
    return text is not None and path.is_file() and path.read_bytes() == text


def _manifest(artifacts: Iterable[Artifact], names: Iterable[str]) -> bytes:
    """Return `manifest.json`: the signature of the last artifact that has one, and the names of the files."""
    ports, files = signature.Signature(), dict[str, str | list[str]]()
    for artifact in artifacts:
        ports = signature.read(artifact.path) or ports
        if known := formats.named(artifact.kind):
            files |= known.listed(set(artifact.files).intersection(names))
    return Manifest(ports, files).as_text()
