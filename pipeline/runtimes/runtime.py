"""An independent runtime: a program that this project did not write, which can run an artifact's own files.

Each is a worker script in a process of its own (these programs abort where we would raise), started by whatever
interpreter can import it. `workers/serve.py` describes how the two sides talk.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import MachineError
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import numpy as np
else:
    np = LazyModule("numpy")  # to look for runtimes, no array is needed

WORKERS = Path(__file__).parent / "workers"


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that was found: what it is called, what it reads, and how its worker is started."""

    name: str
    version: str
    reads: str  # the kind of artifact: "t7", "caffe" or "caffe2"
    interpreter: str
    worker: str
    found_by: str = ""
    pads_shapes: bool = False  # it gives tensors of one axis, or none, a second axis of 1

    @property
    def title(self) -> str:
        """Name and version, as a report shows them."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Missing:
    """A runtime that was not found, and how to get it."""

    name: str
    reads: str
    why: str
    advice: str


@dataclass(frozen=True, slots=True)
class Job:
    """One run: a net's files by role, the arrays to feed by blob, in order, and the blobs that must come back."""

    files: Mapping[str, Path]
    inputs: Mapping[str, np.ndarray]
    wanted: Sequence[str]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run gave: arrays by blob name, the wanted first; or the stage that failed and the runtime's message."""

    blobs: Mapping[str, np.ndarray] = field(default_factory=dict)
    stage: str = ""
    error: str = ""

    @property
    def ok(self) -> bool:
        """Return whether the net ran."""
        return not self.stage


def version_of(interpreter: str, worker: str, *, timeout: float = 60) -> str:
    """Return the version of the runtime that `worker` finds in `interpreter`; MachineError where there is none."""
    return str(_ask(interpreter, worker, [], timeout)[0]["version"])


def run(runtime: Runtime, jobs: Sequence[Job], *, timeout: float = 600) -> list[Result]:
    """Run the jobs one by one; a job that fails says so in its Result.

    Raises MachineError where the runtime cannot be started, or takes longer than `timeout` seconds for all of them.
    """
    if not jobs:
        return []
    with tempfile.TemporaryDirectory(prefix="torch2caffe2-") as folder:
        place = Path(folder)
        asked = [_ready(job, place / f"{i}-in.npz", place / f"{i}-out.npz") for i, job in enumerate(jobs)]
        _, *answers = _ask(runtime.interpreter, runtime.worker, asked, timeout)
        return [_result(answer, str(job["outputs"])) for answer, job in zip(answers, asked, strict=True)]


def _ready(job: Job, inputs: Path, outputs: Path) -> dict[str, object]:
    arrays = {str(i): array for i, array in enumerate(job.inputs.values())}
    np.savez(inputs, names=np.array(list(job.inputs), dtype=np.str_), **arrays)  # type: ignore[arg-type]
    files = {role: str(path.absolute()) for role, path in job.files.items()}
    return {"files": files, "inputs": str(inputs), "outputs": str(outputs), "wanted": list(job.wanted)}


def _result(answer: Mapping[str, object], outputs: str) -> Result:
    if not answer["ok"]:
        return Result(stage=str(answer["stage"]), error=str(answer["error"]))
    with np.load(outputs, allow_pickle=False) as archive:
        return Result({name: archive[str(i)] for i, name in enumerate(archive["names"].tolist())})


def _ask(interpreter: str, worker: str, jobs: Sequence[object], timeout: float) -> list[dict[str, object]]:
    """Start the worker; give its line about itself and one for each job."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONHOME"}
    try:
        process = subprocess.run(
            [interpreter, "-s", str(WORKERS / worker)],
            input=json.dumps(jobs),
            capture_output=True,
            text=True,
            timeout=timeout,
            env=environment,
            check=False,
            start_new_session=True,  # a Ctrl-C is for us: the first one lets it finish
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MachineError(f"{interpreter} did not run {worker}", why=str(error)) from error
    answers = [json.loads(line) for line in process.stdout.splitlines()]
    if len(answers) != len(jobs) + 1 or "error" in answers[0]:
        said = answers[0].get("error", "") if answers else process.stderr.strip()[-400:]
        raise MachineError(f"{interpreter} did not run {worker}", why=str(said))
    return answers
