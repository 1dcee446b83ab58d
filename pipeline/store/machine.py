"""Turns errors of the operating system into messages with a place and advice."""

from __future__ import annotations

import errno
import os
import re
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
    errno.ENOSYS: "its file system lacks what is needed: choose a local one with --store and --output",
    errno.ENOTCONN: "what serves its file system has gone: mount it again",
    errno.EBUSY: "something else holds it: run again later",
    errno.EILSEQ: "its file system knows no such name: choose another one",
    errno.ENAMETOOLONG: "its name is too long for the file system: choose a shorter one",
    errno.ELOOP: "links lead round in a circle, or a link lies where a file is needed: remove it",
    errno.ENXIO: "a pipe or socket lies where a file is needed: remove it",
    errno.EFBIG: "the file system or a limit (ulimit -f) does not allow so large a file",
}


# The messages of PyTorch, the loader and threads when they run out of memory, in exceptions of other types.
_NO_MEMORY = ("can't allocate memory", "Cannot allocate memory", "failed to map segment", "can't start new thread")
_LOOP = re.compile(r"Symlink loop from '(.*)'")  # the message of pathlib before Python 3.13


def machine_error(error: Exception, doing: str, place: Path) -> MachineError | None:
    """Return the MachineError for an error of the operating system; None for any other error."""
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError | ImportError) and _lacks_memory(str(error))):
        return MachineError(f"{doing} needs more memory than there is", where=str(place))
    if isinstance(error, RuntimeError) and (loop := _LOOP.fullmatch(str(error))):
        error = OSError(errno.ELOOP, "", loop[1])
    if not isinstance(error, OSError) or isinstance(error, TimeoutError):  # of a lock: handled elsewhere
        return None
    if error.errno is not None and error.errno not in _ADVICE:
        return None
    # numpy's tofile says "n requested and m written" without an errno when the disk is full
    why = os.strerror(error.errno) if error.errno else str(error)
    where = str(error.filename or place)
    advice = _ADVICE.get(error.errno or errno.ENOSPC, "")
    return MachineError(f"{doing} failed", where=where, why=why, advice=advice)


def _lacks_memory(text: str) -> bool:
    return any(words in text for words in _NO_MEMORY)


@contextmanager
def on_machine(doing: str, place: Path) -> Iterator[None]:
    """Raise MachineError for errors of the operating system inside the block; other errors pass.

    A MachineError that a reader or writer raised without a place gets the place and advice.
    """
    try:
        yield
    except (MachineError, UsageError) as error:
        cause = error.__cause__
        worded = machine_error(cause, doing, place) if isinstance(cause, OSError) and not error.where else None
        if worded is None:
            raise
        raise worded from cause
    except Exception as error:
        if (worded := machine_error(error, doing, place)) is None:
            raise
        raise worded from error
