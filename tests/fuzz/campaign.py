"""Runs commands on changed files in processes of their own, and tells what no file may make them do.

A campaign begins with the files that were found once: they lie in tests/data/fuzzed, by target.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from types import FrameType

import typer

from pipeline.cli import app as cli
from tests.fuzz.mutation import mutated
from tests.fuzz.targets import DATA, TARGETS, Place, Words, prepared

SECONDS = 2.0  # of processor time for a command
MEGABYTES = 500
_BATCH = 200  # inputs a process
ALLOWED = (0, 2, 3, 4, 5, 6)


@dataclass(frozen=True, slots=True)
class Finding:
    """What went wrong with an input, which is kept under `file`."""

    target: str
    command: str
    what: str
    file: Path

    def __str__(self) -> str:
        return f"{self.target}: {self.what}: {self.command} ({self.file})"


class _TooLong(BaseException):
    """A command takes longer than it may."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Two folders beside each other: one to work in, restored for each input, and one that nothing may touch."""

    root: Path

    @staticmethod
    def make(root: Path) -> Sandbox:
        """Prepare a sandbox; what the program keeps by default is kept in it too."""
        sandbox = Sandbox(root)
        (root / "outside").mkdir()
        (root / "outside" / "precious").write_text("precious\n")
        (root / "findings").mkdir()
        os.environ["TORCH2CAFFE2_STORE"] = str(sandbox.place.store)
        os.chdir(root / "outside")
        _without_what_no_input_changes()
        prepared(sandbox.place.folder)
        shutil.copytree(sandbox.place.folder, root / "pristine", symlinks=True)
        return sandbox

    @property
    def place(self) -> Place:
        return Place(self.root / "work")

    def restore(self, part: str = "") -> None:
        """Bring the folder to work in, or a part of it, back to what it was."""
        shutil.rmtree(self.place.folder / part)
        shutil.copytree(self.root / "pristine" / part, self.place.folder / part, symlinks=True)

    def touched(self) -> str:
        """Return what was written where nothing may be written; "" for nothing."""
        outside = self.root / "outside"
        names = sorted(str(path.relative_to(self.root)) for path in (*self.root.iterdir(), *outside.iterdir()))
        if names != ["findings", "outside", "outside/precious", "pristine", "work"]:
            return f"there is {', '.join(names)}"
        return "" if (outside / "precious").read_text() == "precious\n" else "a file outside was written to"


def campaign(
    sandbox: Sandbox, name: str, seed: int, *, seconds: float = 0, inputs: int = 0
) -> Iterator[tuple[int, list[Finding]]]:
    """Try what was found once in a target, then fuzz it for so long, or with so many inputs.

    Yields how many inputs were tried, and what was found in them, for one process after the other. The same seed gives
    the same inputs.
    """
    target, began, done = TARGETS[name], time.monotonic(), 0
    sandbox.restore()
    files = [(lies, target.seeds(lies)) for lies in target.files(sandbox.place)]
    found = sandbox.root / "findings" / f"{name}-{seed}"
    known = [path.read_bytes() for path in sorted((DATA / "fuzzed" / name).glob("*"))]
    for number, (lies, _) in enumerate(files if known else ()):
        yield len(known), list(_in_a_process(sandbox, name, lies, known, f"{found}-known{number}"))
    while (done < inputs) if inputs else (time.monotonic() - began < seconds):
        lies, seeds = files[done // _BATCH % len(files)]
        count = min(_BATCH, inputs - done) if inputs else _BATCH
        new = islice(_changed(Random(f"{name} {seed} {done}"), seeds, target.signed), count)
        yield count, list(_in_a_process(sandbox, name, lies, new, f"{found}-{done}"))
        done += count


def refused(sandbox: Sandbox, name: str) -> Iterator[Words]:
    """Yield the commands that do not end well on sound files of a target, so that changed ones would show little."""
    target = TARGETS[name]
    sandbox.restore()
    for lies in target.files(sandbox.place):
        lies.write_bytes(target.seeds(lies)[0])
        for words in target.commands(sandbox.place, lies):
            with _silent():
                code = cli.run(words)
            if code:
                yield words
        sandbox.restore()


def _changed(random: Random, seeds: Sequence[bytes], signed: Callable[[bytes], bytes]) -> Iterator[bytes]:
    while True:
        yield signed(mutated(random, random.choice(seeds), seeds))


def _in_a_process(sandbox: Sandbox, name: str, lies: Path, inputs: Iterable[bytes], stem: str) -> Iterator[Finding]:
    """Try inputs in a child, whose death is a finding too. What is found is kept in files that begin with `stem`."""
    report, current = Path(f"{stem}.report"), Path(f"{stem}.current")
    status = _in_child(lambda: _try_inputs(sandbox, name, lies, inputs, stem))
    lines = report.read_text().splitlines() if report.exists() else []
    told = [line.split("\t") for line in lines if line.count("\t") == 2]
    for command, what, file in told:
        yield Finding(name, command, what, Path(file))
    if status:
        yield Finding(name, "", f"the process ended with {status}", current.rename(stem))


def _in_child(work: Callable[[], object]) -> int:
    """Do something in a child, so that this process stays without threads, and can be forked again; give its status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _try_inputs(sandbox: Sandbox, name: str, lies: Path, inputs: Iterable[bytes], stem: str) -> None:
    for number in (signal.SIGVTALRM, signal.SIGALRM):
        signal.signal(number, _stop)
    target, current = TARGETS[name], Path(f"{stem}.current")
    with Path(f"{stem}.report").open("a") as told, _silent():
        for number, data in enumerate(inputs):
            current.write_bytes(data)
            if target.writes:
                sandbox.restore("run")
            lies.write_bytes(data)
            for words in target.commands(sandbox.place, lies):
                if what := _fault(words) or sandbox.touched():
                    kept = Path(f"{stem}-{number}{lies.suffix}")
                    kept.write_bytes(data)
                    told.write(f"{' '.join(words)}\t{what}\t{kept}\n")
                    told.flush()
                    break
    current.unlink(missing_ok=True)


def _without_what_no_input_changes() -> None:
    """Let a command cost little more than what its input makes it do.

    The command line is built once, files need not outlast a power cut, and PyTorch starts no threads: a process that
    has some cannot be forked.
    """
    import torch

    cli.app = typer.main.get_command(cli.app)  # type: ignore[assignment]
    os.fsync = lambda descriptor: None
    torch.set_num_threads(1)


def _stop(number: int, frame: FrameType | None) -> None:
    raise _TooLong


def _fault(words: tuple[str, ...]) -> str:
    """Run a command; return what it did that no input may make it do, "" for nothing."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 30 * SECONDS)
    try:
        code = cli.run(words)
    except _TooLong:
        return f"longer than {SECONDS:g} s"
    except BaseException as error:
        return f"raised {type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000
    if code not in ALLOWED:
        return f"exit {code}"
    return f"{grown:.0f} MB more" if grown > MEGABYTES else ""


@contextmanager
def _silent() -> Iterator[None]:
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
