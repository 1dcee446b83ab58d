"""Runs commands and measures what they take: seconds by the clock, and private memory at its peak."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_SAMPLE_SECONDS = 0.005
_LONG_SECONDS = 30.0  # what takes so long is not repeated
_PRIVATE = re.compile(r"^RssAnon:\s*(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command took: by the clock, of processors, and of memory that no file backs.

    Processors and memory are those of all its processes.
    """

    seconds: float
    cpu: float
    memory: int


class CommandError(RuntimeError):
    """A command that a measurement needs has failed."""


def run(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Cost:
    """Run a command to its end. Raises CommandError with its last words where it fails."""
    began, before = time.perf_counter(), _cpu_of_children()
    process = subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
        cwd=folder,
    )
    watch = _Watch(process.pid)
    watch.start()
    _, words = process.communicate()
    seconds = time.perf_counter() - began
    watch.stop()
    if process.returncode:
        last = words.decode("utf-8", "replace")[-2000:]
        raise CommandError(f"{' '.join(map(str, command))} gave {process.returncode}: {last}")
    return Cost(seconds, _cpu_of_children() - before, watch.peak)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def seconds_of(work: Callable[[], object]) -> float:
    """Time something in this process."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turn(runs: int, *works: Callable[[], float]) -> list[float]:
    """Return the median of each work; they take turns, so that a busy machine burdens all of them."""
    found: list[list[float]] = [[] for _ in works]
    for _ in range(runs):
        for work, seconds in zip(works, found, strict=True):
            if not seconds or seconds[0] < _LONG_SECONDS:
                seconds.append(work())
    return [median(seconds) for seconds in found]


class _Watch(threading.Thread):
    """Samples the private memory of a process and of those it started."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._root = root
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self.peak = max(self.peak, sum(map(_private, _tree(self._root))))

    def stop(self) -> None:
        self._ended.set()
        self.join()


def _tree(root: int) -> Iterator[int]:
    yield root
    with suppress(OSError):
        for task in Path(f"/proc/{root}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def _private(process: int) -> int:
    with suppress(OSError):
        found = _PRIVATE.search(Path(f"/proc/{process}/status").read_text())
        return int(found[1]) * 1024 if found else 0
    return 0
