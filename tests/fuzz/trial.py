"""Runs commands on changed files in a process of its own, and tells what no file may make them do."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from blake3 import blake3

from pipeline.cli import app as cli
from tests.children import in_child
from tests.fuzz.sandbox import Sandbox
from tests.fuzz.targets import Target

SECONDS = 2.0  # of processor time for a command
MEGABYTES = 500
ALLOWED = (0, 2, 3, 4, 5, 6)
Attempt = Callable[[bytes], None]  # tries an input


@dataclass(frozen=True, slots=True)
class Finding:
    """What went wrong with an input, which is kept under `file`."""

    command: str
    what: str
    file: Path

    def __str__(self) -> str:
        return f"{self.what}: {self.command} ({self.file})"


class _TooLong(BaseException):
    """A command takes longer than it may."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Tries inputs in the place of one file of a target; what it keeps begins with `stem`."""

    sandbox: Sandbox
    target: Target
    lies: Path
    stem: Path
    seconds: float = SECONDS

    def run(self, every: Callable[[Attempt], object]) -> tuple[int, list[Finding]]:
        """Let `every` try its inputs in a child, whose death is a finding too; return their number and what was found.

        The child writes a line for each input.
        """
        report, current = self.stem.with_suffix(".report"), self.stem.with_suffix(".current")
        status = in_child(lambda: self._try(every, report, current))
        lines = report.read_text().splitlines() if report.exists() else []
        told = [line.split("\t") for line in lines if line.count("\t") == 2]
        findings = [Finding(command, what, Path(file)) for command, what, file in told]
        if status:
            findings.append(Finding("", f"the process ended with {status}", current.rename(self.stem)))
        return len(lines), findings

    def _try(self, every: Callable[[Attempt], object], report: Path, current: Path) -> None:
        for number in (signal.SIGVTALRM, signal.SIGALRM):
            signal.signal(number, _stop)
        with report.open("w", buffering=1) as told, silent():

            def attempt(data: bytes) -> None:
                current.write_bytes(data)
                told.write(f"{self._attempted(data)}\n")

            every(attempt)
        current.unlink(missing_ok=True)

    def _attempted(self, data: bytes) -> str:
        """Return what went wrong with an input; "" for nothing."""
        if self.target.writes:
            self.sandbox.restore("run")
        self.lies.write_bytes(data)
        for words in self.target.commands(self.sandbox.place, self.lies):
            if what := _fault(words, self.seconds) or self.sandbox.touched():
                kept = self.stem.with_name(f"{self.stem.name}-{blake3(data).hexdigest(length=4)}{self.lies.suffix}")
                kept.write_bytes(data)
                return f"{' '.join(words)}\t{what}\t{kept}"
        return ""


def _stop(number: int, frame: FrameType | None) -> None:
    raise _TooLong


def _fault(words: tuple[str, ...], seconds: float) -> str:
    """Run a command; return what it did that no input may make it do, "" for nothing."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    signal.setitimer(signal.ITIMER_REAL, 30 * seconds)
    try:
        try:
            code = cli.run(words)
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
    except _TooLong:  # also one that comes as the command ends
        return f"longer than {seconds:g} s"
    except BaseException as error:
        return " ".join(f"raised {type(error).__name__}: {error}".split())  # one line of the report
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000
    if code not in ALLOWED:
        return f"exit {code}"
    return f"{grown:.0f} MB more" if grown > MEGABYTES else ""


@contextmanager
def silent() -> Iterator[None]:
    """Let what commands say go nowhere."""
    streams = sys.stdout, sys.stderr
    with Path(os.devnull).open("w") as nowhere:
        before = [os.dup(stream.fileno()) for stream in streams]
        try:
            for stream in streams:
                stream.flush()
                os.dup2(nowhere.fileno(), stream.fileno())
            yield
        finally:
            for stream, descriptor in zip(streams, before, strict=True):
                stream.flush()
                os.dup2(descriptor, stream.fileno())
                os.close(descriptor)
