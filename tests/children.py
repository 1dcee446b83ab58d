"""Work done in a child of this process: it may die, and needs load no module anew."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable


def forked(work: Callable[[], int | None]) -> int:
    """Start `work`, which returns an exit code, in a child; return its id."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(work() or 0)
        except BaseException:  # nothing of the parent may run on in the child
            traceback.print_exc()
            os._exit(1)
    return child


def ended(child: int) -> int:
    """Wait for a child; return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_child(work: Callable[[], int | None]) -> int:
    """Run `work` in a child to its end; return its exit code, negative for a signal."""
    return ended(forked(work))
