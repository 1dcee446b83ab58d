"""An independent runtime: a program that this project did not write, which can run an artifact's own files.

Each engine is a worker script in a process of its own (these programs abort where we would raise), started with
whatever interpreter can import it. Workers speak one protocol: a list of jobs as JSON on stdin,

    [{"files": {...}, "inputs": in.npz, "input_blobs": [...], "output_blobs": [...], "outputs": out.npz}, ...]

and a line of JSON a job on stdout: {"ok": true} or {"ok": false, "why": "..."}. `in.npz` holds in0, in1, ... ;
`out.npz` every output blob, and each inner blob that the engine gives away, under `blob:<name>`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

WORKERS = Path(__file__).parent / "workers"
TIME_LIMIT_S = 600


@dataclass(frozen=True, slots=True)
class Engine:
    """A runtime that was found: what it is called, what it reads, and how its worker is started."""

    name: str
    version: str
    reads: str  # the kind of artifact: "t7", "caffe" or "caffe2"
    interpreter: str
    worker: str
    environment: Mapping[str, str] = field(default_factory=dict)

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
    """A net to run: its files by role, the arrays to feed (in order) and the blobs they go to and come from."""

    files: Mapping[str, Path]
    inputs: Sequence[np.ndarray]
    input_blobs: Sequence[str] = ()
    output_blobs: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine computed, by blob name; or why it could not, which is evidence neither way."""

    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    refusal: str = ""


def ask(interpreter: str, code: str) -> str | None:
    """Run a line of Python in another interpreter; give what it prints, or None where that fails."""
    try:
        done = subprocess.run(
            [interpreter, "-c", code], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def run(engine: Engine, jobs: Sequence[Job], environment: Mapping[str, str]) -> list[Answer]:
    """Run `jobs` one after the other in one process of `engine`; one answer a job.

    `environment` is the environment of the process. A job after one that killed the process is answered by what
    killed it.
    """
    with tempfile.TemporaryDirectory(prefix="torch2caffe2-") as folder:
        requests = [_request(job, Path(folder), index) for index, job in enumerate(jobs)]
        try:
            done = subprocess.run(
                [engine.interpreter, str(WORKERS / engine.worker)],
                input=json.dumps(requests),
                capture_output=True,
                text=True,
                timeout=TIME_LIMIT_S,
                check=False,
                env={**environment, **engine.environment},
            )
            lines, last_words = done.stdout.splitlines(), done.stderr.strip().splitlines()
            ending = f"ended with status {done.returncode}" + (f": {last_words[-1]}" if last_words else "")
        except subprocess.TimeoutExpired:
            lines, ending = [], f"took more than {TIME_LIMIT_S} s"
        except OSError as error:
            lines, ending = [], f"cannot be started: {error}"
        answers = [_answer(json.loads(line), request) for line, request in zip(lines, requests, strict=False)]
    return answers + [Answer(refusal=ending)] * (len(jobs) - len(answers))


def _request(job: Job, folder: Path, index: int) -> dict[str, object]:
    inputs = folder / f"{index}.in.npz"
    np.savez(inputs, **{f"in{i}": array for i, array in enumerate(job.inputs)})  # type: ignore[arg-type]
    return {
        "files": {role: str(path) for role, path in job.files.items()},
        "inputs": str(inputs),
        "input_blobs": list(job.input_blobs),
        "output_blobs": list(job.output_blobs),
        "outputs": str(folder / f"{index}.out.npz"),
    }


def _answer(reply: Mapping[str, object], request: Mapping[str, object]) -> Answer:
    if not reply.get("ok"):
        return Answer(refusal=str(reply.get("why", "no reason given")))
    with np.load(str(request["outputs"]), allow_pickle=False) as archive:
        return Answer({name.removeprefix("blob:"): archive[name] for name in archive.files})
