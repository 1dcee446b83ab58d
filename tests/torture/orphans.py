"""The process that hands work to others is killed: they die with it, and the work is done by the next run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.torture.crash import ATTEMPTS
from tests.torture.subject import Place, Subject, a_place
from tests.torture.tally import Tally

_MARK = "TORCH2CAFFE2_TORTURE"  # a variable that all the processes of a run inherit
_SECONDS = 3.0  # in which the kernel has ended them


def orphaned(subject: Subject, folder: Path, points: int) -> Tally:
    """Kill the parent, or the process in the middle, of two that convert three models, at times spread over a run."""
    tally = Tally("workers whose parent dies")
    if sys.platform != "linux":
        tally.skipped = "only Linux tells processes that their parent has died"
        return tally
    with a_place(folder, "timed") as place:
        began = time.monotonic()
        assert _started(subject, place).wait() == 0, place.said()
        whole = time.monotonic() - began
    for point in range(points):
        share = (point + 0.5) / points
        with a_place(folder, f"orphaned {point}") as place:
            started, whole = _caught(subject, place, share, whole)
            tally.add(f"after {share:.1%}", _killed_and_run_again(subject, place, tally, started, point % 2))
    return tally


def _caught(subject: Subject, place: Place, share: float, whole: float) -> tuple[subprocess.Popen[bytes], float]:
    """Return a run that has had a share of its time, and how long a whole one takes: the machine may be less busy."""
    for _ in range(ATTEMPTS):
        shutil.rmtree(place.folder)
        place.folder.mkdir()
        began = time.monotonic()
        started = _started(subject, place)
        try:
            started.wait(whole * share)
        except subprocess.TimeoutExpired:
            break
        whole = time.monotonic() - began
    return started, whole


def _killed_and_run_again(
    subject: Subject, place: Place, tally: Tally, started: subprocess.Popen[bytes], depth: int
) -> str:
    processes = _alive(place)
    tally.count(f"with {len(processes)} processes")
    if depth == 0 or len(processes) < 2:
        started.kill()
    else:
        os.kill(processes[1], signal.SIGKILL)  # they are in the order in which they were started
    started.wait()
    end = time.monotonic() + _SECONDS
    while (left := _alive(place)) and time.monotonic() < end:
        time.sleep(0.05)
    for process in left:
        os.kill(process, signal.SIGKILL)
    if left:
        return f"{len(left)} processes live on"
    if code := _started(subject, place).wait():
        return f"the next run gave {code}: {place.said()}"
    return "" if place.delivered(subject.model.stem) == subject.wanted else "the result is not byte-identical"


def _started(subject: Subject, place: Place) -> subprocess.Popen[bytes]:
    models = [str(path) for path in (subject.model, *subject.others)]
    where = ("-o", str(place.output), "--store", str(place.store))
    command = [sys.executable, "-m", "pipeline", "convert", *models, *subject.options, *where, "-j", "2", "-q"]
    with place.talk.open("wb") as talk:
        environment = {**os.environ, _MARK: str(place.folder)}
        return subprocess.Popen(command, stdout=talk, stderr=talk, env=environment, start_new_session=True)


def _alive(place: Place) -> list[int]:
    """Return the processes of the run into a place."""
    mark, found = f"{_MARK}={place.folder}\0".encode(), []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (path / "environ").read_bytes() + b"\0":
                found.append(int(path.name))
        except OSError:
            continue  # it has ended, or is somebody else's
    return sorted(found)
