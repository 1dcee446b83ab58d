"""Puts the files of artifacts into the output folder, and never over a file that a person has changed."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.orchestration.digests import Digests
from pipeline.orchestration.store import Artifact, partial, replace, sync_folder
from pipeline.wire.kernel import copy_range, synced

SIGNATURE = "signature.json"
MANIFEST = "manifest.json"
LINKED_FROM = 1 << 20  # bytes: smaller files are copied, so that they can be edited in place
_FICLONE = 0x40049409  # ioctl of Linux: share the blocks of another file

# What programs find the nets by, in manifest.json.
_FILES = {
    "prototxt": ("deploy.prototxt",),
    "caffemodel": ("model.caffemodel", "model.caffemodel.h5"),
    "predict_net": ("predict_net.pb",),
    "init_net": ("init_net.pb",),
}
_INIT_NET = re.compile(r"init_net(_\d+)?\.pb")

Delivered = dict[str, dict[str, Any]]  # file -> digest, size, kind of artifact and its key


def edited(folder: Path, delivered: Mapping[str, Mapping[str, Any]], digests: Digests) -> list[str]:
    """Give the delivered files that are not as they were delivered; one that was removed is not edited."""
    return [
        name
        for name, entry in delivered.items()
        if (folder / name).exists() and not holds(folder / name, entry, digests)
    ]


def refuse_edited(folder: Path, names: Iterable[str]) -> None:
    """Raise UsageError that names files which would be overwritten."""
    names = sorted(names)
    if names:
        raise UsageError(
            f"{', '.join(names)} in {folder} would be overwritten",
            why="what is there was not delivered by this run, or was changed since",
            advice=f"torch2caffe2 resume {folder} --adopt goes on from an edited net;\n"
            "or move the file away, or choose another --output",
        )


def contents(artifacts: Iterable[Artifact]) -> Delivered:
    """Give the files that `artifacts` bring to an output folder; the later artifact wins a name."""
    return {
        name: {**entry, "kind": artifact.kind, "key": artifact.key}
        | ({"edited": True} if name in artifact.manifest.get("edited", ()) else {})
        for artifact in artifacts
        for name, entry in artifact.files.items()
        if name != SIGNATURE
    }


def deliver(
    folder: Path,
    artifacts: Sequence[Artifact],
    before: Mapping[str, Mapping[str, Any]],
    digests: Digests,
    *,
    finished: bool,
    report: Callable[[str, int, str], None],
) -> None:
    """Bring `folder` up to date with `artifacts`; `before` is what was delivered into it earlier.

    Files of earlier runs that this one does not have are removed. `manifest.json` goes first and comes last,
    and only where the run is `finished`. Raises UsageError before anything is touched where a file there is
    neither what was delivered before nor what is to be delivered now.
    """
    wanted = contents(artifacts)
    sources = {name: artifact.path / name for artifact in artifacts for name in artifact.files}
    ours = {name for name, entry in before.items() if not entry.get("edited")}
    kept = {name for name, entry in wanted.items() if holds(folder / name, entry, digests)}
    foreign = {name for name in wanted if name not in ours and (folder / name).exists()}
    refuse_edited(folder, (foreign | {*edited(folder, before, digests)}) - kept)
    manifest = _manifest(artifacts, wanted) if finished else None
    if kept != set(wanted) or not _same(folder / MANIFEST, manifest):
        (folder / MANIFEST).unlink(missing_ok=True)
    for name in ours - set(wanted):
        (folder / name).unlink(missing_ok=True)
        partial(folder / name).unlink(missing_ok=True)
    for name, entry in wanted.items():
        how = "kept" if name in kept else place(sources[name], folder / name, digests)
        report(name, entry["size"], how)
    sync_folder(folder)
    if manifest is not None and not _same(folder / MANIFEST, manifest):
        replace(folder / MANIFEST, manifest)


def place(source: Path, target: Path, digests: Digests) -> str:
    """Put a file of the store at `target` in one step; give how: copied, reflinked or linked."""
    temporary = partial(target)
    temporary.unlink(missing_ok=True)
    before = source.stat()
    try:
        how = _transfer(source, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    if how == "linked":
        digests.relinked(source, before)
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
    """Make `target` share the blocks of `source` where the file system can; say whether it could."""
    with source.open("rb") as read, target.open("xb") as write:
        try:
            fcntl.ioctl(write.fileno(), _FICLONE, read.fileno())
        except OSError:
            target.unlink()
            return False
    return True


def copy(source: Path, target: Path) -> None:
    """Copy a file's bytes and have the disk confirm them; the copy can be written to."""
    with source.open("rb") as read, target.open("xb") as write, synced(write):
        copied = copy_range(read.fileno(), write.fileno(), 0, source.stat().st_size)
        read.seek(copied)
        write.seek(copied)
        shutil.copyfileobj(read, write, 1 << 22)


def holds(path: Path, entry: Mapping[str, Any], digests: Digests) -> bool:
    """Say whether a file has exactly the bytes of `entry`."""
    if not path.is_file() or path.stat().st_size != entry["size"]:
        return False
    return digests.of(path) == str(entry["blake3"])


def _same(path: Path, text: bytes | None) -> bool:
    return text is not None and path.is_file() and path.read_bytes() == text


def _manifest(artifacts: Iterable[Artifact], names: Iterable[str]) -> bytes:
    """Word `manifest.json`: the signature of the last artifact that has one, and where the nets are.

    Where there are several init_nets, `init_nets` lists all, in the order in which to run them.
    """
    signature: dict[str, Any] = {"inputs": [], "outputs": []}
    for artifact in artifacts:
        if SIGNATURE in artifact.files:
            signature = json.loads((artifact.path / SIGNATURE).read_text(encoding="utf-8"))
    present = set(names)
    files: dict[str, Any] = {role: name for role, options in _FILES.items() for name in options if name in present}
    init_nets = sorted(filter(_INIT_NET.fullmatch, present), key=lambda name: (len(name), name))
    if len(init_nets) > 1:
        files["init_nets"] = init_nets
    return (json.dumps({**signature, "files": files}, indent=2) + "\n").encode()
