"""The marker file of a store: it says that this program may clean up the folder, and gives the format of the store.

A folder that is not empty and has no marker is not a store, whatever its subfolders are called.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.store.digests import canonical, digest_of
from pipeline.store.writing import new, replace
from pipeline.wire import plain

MARK = "torch2caffe2-store.json"


def require(root: Path, format_: int, folders: Collection[str]) -> bool:
    """Return whether `root` is a store; False if a store can be created there.

    Raises UsageError if it is another folder, a store of another format, or one of whose subfolders is a link, which
    could lead anywhere.
    """
    _refuse_link(root / MARK)
    try:
        text = plain.read(root / MARK)
    except FileNotFoundError:
        if not root.exists() or not any(root.iterdir()) or (root / MARK).exists():  # created meanwhile
            return False
        raise UsageError(
            f"{root} is not a store of torch2caffe2",
            why=f"it holds files, and no {MARK} among them",
            advice="choose an empty or new folder with --store;\n"
            "what an unreleased version kept without the mark can be removed: it is made again",
        ) from None
    found = _format(text)
    if found is not None and found != format_:
        raise UsageError(
            f"{root} is a store of another version of torch2caffe2",
            why=f"{MARK} says format {found}, and this version knows {format_}",
            advice="choose another folder with --store",
        )
    for name in folders:
        _refuse_link(root / name)
    return found is not None


def _format(text: bytes) -> int | None:
    """Return the format in a marker; None if it is damaged or being written, in which case its name is enough."""
    try:
        told = json.loads(text)
        return int(told["format"]) if told["check"] == digest_of("mark", told["format"]) else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def make(root: Path, format_: int, folders: Collection[str]) -> None:
    """Make the folder `root` a store of this format with these subfolders, unless it is one already.

    Raises UsageError as `require`; OSError.
    """
    if not require(root, format_, folders):
        root.mkdir(parents=True, exist_ok=True)
        text = canonical({"format": format_, "check": digest_of("mark", format_)}) + b"\n"
        try:
            with new(root / MARK) as stream:  # first of all: nothing may be in a store before its marker
                stream.write(text)
        except FileExistsError:  # damaged, or another process is creating it
            replace(root / MARK, text)
    for name in folders:
        if not (root / name).is_dir():
            (root / name).mkdir(exist_ok=True)


def _refuse_link(path: Path) -> None:
    """Raise UsageError for a link, which could lead anywhere."""
    if path.is_symlink():
        raise UsageError(
            f"{path} is a link",
            why="what a store writes and removes lies in folders of its own",
            advice="let the store itself be a link, or choose another folder with --store",
        )
