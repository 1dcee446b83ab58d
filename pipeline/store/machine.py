"""Turns what the operating system refuses into a message about a place and what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import MachineError, UsageError

_ADVICE = {
    errno.ENOSPC: "make room, or choose another place with --store and --output",
    errno.EDQUOT: "your quota is used up: make room, or choose another place with --store and --output",
    errno.EACCES: "give yourself permission, or choose another place with --store and --output",
    errno.EPERM: "give yourself permission, or choose another place with --store and --output",
    errno.EROFS: "choose a place that can be written, with --store and --output",
    errno.ENOENT: "something removed it during the run: run again",
    errno.ESTALE: "something removed it during the run: run again",
    errno.EIO: "the disk failed: check it, or choose another place with --store and --output",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "raise the system's limit of open files",
    errno.ENOMEM: "free some memory",
    errno.ENOTDIR: "a file lies where a folder is needed",
    errno.EEXIST: "a file lies where a folder is needed",
    errno.EISDIR: "a folder lies where a file is needed",
    errno.ENOLCK: "its file system grants no locks: choose a local one with --store and --output",
    errno.EOPNOTSUPP: "its file system lacks what is needed: choose a local one with --store and --output",
    errno.ENAMETOOLONG: "its name is too long for the file system: choose a shorter one",
    errno.ELOOP: "links lead round in a circle, or a link lies where a file is needed: remove it",
    errno.ENXIO: "a pipe or socket lies where a file is needed: remove it",
    errno.EFBIG: "the file system or a limit (ulimit -f) does not allow so large a file",
}


def machine_error(error: OSError, doing: str, place: Path) -> MachineError | None:
    """Word what the machine refused; None where the error does not look like the machine's."""
    if isinstance(error, TimeoutError) or (error.errno is not None and error.errno not in _ADVICE):
        return None  # of a lock, which its user handles; or of something else than the machine
    # numpy's tofile says "n requested and m written" without an errno when the disk is full
    why = os.strerror(error.errno) if error.errno else str(error)
    where = str(error.filename or place)
    advice = _ADVICE.get(error.errno or errno.ENOSPC, "")
    return MachineError(f"{doing} failed", where=where, why=why, advice=advice)


@contextmanager
def on_machine(doing: str, place: Path) -> Iterator[None]:
    """Raise MachineError for what the system refuses inside the block; other errors pass.

    What a reader or writer has worded without a place, of a file that was there before, gets its place and advice.
    """
    try:
        yield
    except MemoryError as error:
        raise MachineError(f"{doing} needs more memory than there is", where=str(place)) from error
    except (MachineError, UsageError) as error:
        cause = error.__cause__
        worded = machine_error(cause, doing, place) if isinstance(cause, OSError) and not error.where else None
        if worded is None:
            raise
        raise worded from cause
    except OSError as error:
        if (worded := machine_error(error, doing, place)) is None:
            raise
        raise worded from error
