"""Killed with SIGKILL, anywhere: the resume gives the same bytes and repeats no finished stage."""

from __future__ import annotations

import os
import select
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.children import ended, forked, in_child
from tests.torture import trace
from tests.torture.subject import Place, Subject, a_place, changes_of
from tests.torture.tally import Tally

ATTEMPTS = 5  # at a moment of a run that was over before


def by_time(subject: Subject, folder: Path, points: int) -> Tally:
    """Kill at moments spread evenly over an undisturbed run's time."""
    with a_place(folder, "timed") as place:
        began = time.monotonic()
        assert in_child(lambda: subject.convert(place)) == 0
        whole = time.monotonic() - began

    def kill(place: Place, point: int) -> int:
        nonlocal whole
        for _ in range(ATTEMPTS):
            shutil.rmtree(place.folder)
            place.folder.mkdir()
            began = time.monotonic()
            code = killed_after(whole * (point + 0.5) / points, forked(lambda: subject.convert(place)))
            if code < 0:
                break
            whole = time.monotonic() - began  # the machine is less busy than before
        return code

    return _campaign("killed by time", subject, folder, range(points), kill)


def killed_after(seconds: float, child: int) -> int:
    """Kill a child after a time, unless it has ended by then; give its exit code."""
    descriptor = os.pidfd_open(child)
    if not select.select([descriptor], [], [], seconds)[0]:
        os.kill(child, signal.SIGKILL)
    os.close(descriptor)
    return ended(child)


def by_system_call(subject: Subject, folder: Path, points: int) -> Tally:
    """Kill in front of system calls that change the disk, spread evenly over all that a run makes."""
    if why := trace.unavailable():
        return Tally("killed by system call", skipped=why)
    changes = changes_of(subject, folder)

    def kill(place: Place, at: int) -> int:
        return trace.traced(lambda: subject.convert(place), at, lambda child: os.kill(child, signal.SIGKILL)).code

    chosen = sorted({1 + changes * point // points for point in range(points)})
    tally = _campaign("killed by system call", subject, folder, chosen, kill)
    tally.facts["changes of the disk in a run"] = changes
    return tally


def _campaign(
    name: str, subject: Subject, folder: Path, points: range | list[int], kill: Callable[[Place, int], int]
) -> Tally:
    tally = Tally(name)
    for point in points:
        with a_place(folder, f"{name} {point}") as place:
            tally.count("killed on the way" if kill(place, point) == -signal.SIGKILL else "ended before they were")
            finished = place.finished()
            tally.count(f"with {len(finished)} stages finished")
            code = in_child(lambda place=place: subject.resume(place))
            tally.add(str(point), subject.wrong_after(place, finished, code))
    return tally
