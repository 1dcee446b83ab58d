"""Runs an artifact's files in an independent runtime: a program that is not part of this project.

Each runs in a separate process, because these programs may abort instead of raising errors. The process is started by
an interpreter that can import the runtime. `serve.py` describes the protocol.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pipeline.errors import MachineError
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")  # to look for runtimes, no array is needed

_SERVE = Path(__file__).with_name("serve.py")


def trusted(*asked: object) -> str:
    """Return "", whatever is asked: there is no doubt about any files."""
    return ""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that was found: its name, what it reads, and where it is.

    `program` is the file that defines how to run it. `doubt` returns why it must not be used for some files (because it
    computes a layer wrongly), or "".
    """

    name: str
    version: str
    reads: str  # the kind of artifact: "t7", "caffe" or "caffe2"
    interpreter: str
    program: Path
    build: str = ""  # of several with this version: the interpreter that the user named, or how it was installed
    pads_shapes: bool = False  # its outputs may have additional axes of size 1
    guesses: bool = False  # its results are only opinions, which fail no run
    executes: bool = False  # it runs code in the file
    doubt: Callable[[Mapping[str, Path]], str] = field(default=trusted, compare=False)

    @property
    def title(self) -> str:
        """Name and version, as reports show them."""
        return f"{self.name} {self.version}"

    def called(self, name: str) -> bool:
        """Return whether `name` means this runtime: "caffe2" or "caffe2==1.0.1", ignoring case."""
        return name.lower() in (self.name.lower(), f"{self.name}=={self.version}".lower())


@dataclass(frozen=True, slots=True)
class Missing:
    """A runtime that was not found, and how to get it."""

    name: str
    reads: str
    why: str
    advice: str


@dataclass(frozen=True, slots=True)
class Job:
    """One run: the files of a net by role, the arrays to feed, in order, and the blobs that must be returned."""

    files: Mapping[str, Path]
    inputs: Mapping[str, np.ndarray]
    wanted: Sequence[str]


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run: arrays by blob, the wanted ones first; or the stage that failed and the message."""

    blobs: Mapping[str, np.ndarray] = field(default_factory=dict)
    stage: str = ""
    error: str = ""

    @property
    def ok(self) -> bool:
        """Return whether the net ran."""
        return not self.stage


def version_of(interpreter: str, program: Path) -> str:
    """Return the version of the program that `interpreter` has. Raises MachineError if it has none."""
    with _started(interpreter, program) as worker:
        return worker.version


def run(runtime: Runtime, jobs: Sequence[Job], *, timeout: float = 600) -> list[Result]:
    """Run jobs one after the other. If a job fails, or the runtime aborts, its Result says so.

    Raises MachineError if the runtime cannot be started, or takes longer than `timeout` seconds for a job.
    """
    if not jobs:
        return []
    with opened(runtime) as worker:
        return [worker.run(job, timeout) for job in jobs]


@contextmanager
def opened(runtime: Runtime) -> Iterator[Worker]:
    """Start a runtime for any number of jobs. Raises MachineError if it cannot be started."""
    with _started(runtime.interpreter, runtime.program) as worker:
        yield worker


@contextmanager
def _started(interpreter: str, program: Path) -> Iterator[Worker]:
    with tempfile.TemporaryFile() as said, tempfile.TemporaryDirectory(prefix="torch2caffe2-") as folder:
        worker = Worker([interpreter, "-s", str(_SERVE), str(program)], Path(folder), said)
        try:
            worker.start()
            yield worker
        finally:
            worker.end()


class Worker:
    """A process that waits for jobs, with a folder for their arrays. If it dies, it is started again."""

    def __init__(self, command: Sequence[str], folder: Path, said: IO[bytes]) -> None:
        self.version = ""
        self._command = command
        self._folder = folder
        self._said = said
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start the process, and wait until it has reported its version. Raises MachineError if it reports none."""
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONHOME"}
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                text=True,
                env=environment,
                start_new_session=True,  # so that Ctrl-C does not reach it: the first one lets it finish
            )
        except OSError as error:
            raise self._failed(str(error)) from error
        answer = self._ask(None, 60)
        if "version" not in answer:
            raise self._failed(answer.get("error") or " ".join(self._last_words(-10)))
        self.version = answer["version"]

    def run(self, job: Job, timeout: float = 600) -> Result:
        """Run one job. Raises MachineError if it takes longer than `timeout` seconds."""
        if self._process is None:
            self.start()
        inputs, outputs = self._folder / "in.npz", self._folder / "out.npz"
        arrays = {str(i): array for i, array in enumerate(job.inputs.values())}
        np.savez(inputs, names=np.array(list(job.inputs), dtype=np.str_), **arrays)  # type: ignore[arg-type]
        files = {role: str(path.absolute()) for role, path in job.files.items()}
        asked = {"files": files, "inputs": str(inputs), "outputs": str(outputs), "wanted": list(job.wanted)}
        answer = self._ask(asked, timeout)
        if not answer:
            how = self.end()
            return Result(stage="crash", error=": ".join([how, *self._last_words(2)]))
        if not answer["ok"]:
            return Result(stage=answer["stage"], error=answer["error"])
        with np.load(outputs, allow_pickle=False) as archive:
            return Result({name: archive[str(i)] for i, name in enumerate(archive["names"].tolist())})

    def end(self) -> str:
        """End the process and its children; return how it ended, if it had ended by itself."""
        process, self._process = self._process, None
        if process is None:
            return ""
        with suppress(BrokenPipeError), process:
            _kill(process)
        code = process.returncode
        return f"signal {-code}" if code < 0 else f"exit {code}"

    def _ask(self, job: Mapping[str, object] | None, timeout: float) -> dict[str, Any]:
        """Return the next answer of the process, to `job` if given; empty if the process has ended."""
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(process)

        timer = threading.Timer(timeout, stop)
        timer.start()
        try:
            if job is not None:
                self._said.seek(0)
                self._said.truncate()
                process.stdin.write(json.dumps(job) + "\n")
                process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            timer.cancel()
        if late.is_set():
            raise self._failed(f"it took longer than {timeout:g} s")
        if not line:  # the process has closed its output, and will say why before it ends
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
        answer: dict[str, Any] = json.loads(line) if line else {}
        return answer

    def _failed(self, why: str) -> MachineError:
        interpreter, *_, program = self._command
        return MachineError(f"{interpreter} did not run {Path(program).stem}", why=why)

    def _last_words(self, count: int) -> list[str]:
        """Return the first `count` lines that the process printed since the request, or the last ones if negative."""
        self._said.seek(0)
        lines = [line for line in self._said.read().decode("utf-8", "replace").splitlines() if line.strip()]
        return lines[:count] if count > 0 else lines[count:]


def _kill(process: subprocess.Popen[str]) -> None:
    """End a process and its children."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
