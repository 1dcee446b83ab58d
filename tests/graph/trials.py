"""Cases written in a format, many in one net, run in somebody else's program, and compared with what the graph does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.graph.evaluation import evaluate
from pipeline.graph.evaluation import run as evaluated
from pipeline.graph.format import Format
from pipeline.runtimes.runtime import Job, Result, Runtime, run
from tests.graph.nets import Case, together

NETS = 40  # cases in one net


@dataclass(frozen=True)
class Trial:
    """Cases in one net, ready to run, and what should come out: the outputs, and what else there is to see."""

    cases: Sequence[Case]
    job: Job
    wanted: dict[str, np.ndarray]


def trials(known: Format, cases: Sequence[Case], folder: Path) -> list[Trial]:
    return [_trial(known, cases[i : i + NETS], folder / str(i)) for i in range(0, len(cases), NETS)]


def _trial(known: Format, cases: Sequence[Case], folder: Path) -> Trial:
    graph = together(cases)
    folder.mkdir(parents=True)
    written = known.write(graph, folder)
    arrays = [array for case in cases for array in case.feeds()]
    values = {value.name: array for value, array in evaluate(graph, arrays)}
    outputs = dict(zip(written.outputs, evaluated(graph, arrays), strict=True))
    job = Job(written.files, dict(zip(written.inputs, arrays, strict=True)), written.outputs)
    return Trial(cases, job, values | outputs)


def differences(known: Format, runtime: Runtime, tried: Sequence[Trial], folder: Path) -> list[str]:
    """Run the trials; where a net fails, run its cases apart to name those that do."""
    found: list[str] = []
    for number, (one, result) in enumerate(zip(tried, run(runtime, [each.job for each in tried]), strict=True)):
        wrong = _wrong(one, result)
        if wrong and len(one.cases) > 1:
            apart = [_trial(known, [case], folder / str(number) / str(i)) for i, case in enumerate(one.cases)]
            found += differences(known, runtime, apart, folder / str(number))
        elif wrong:
            found.append(f"{one.cases[0].name}: {wrong}")
    return found


def _wrong(tried: Trial, result: Result) -> str:
    """Return what is wrong first, among the values that the program has given."""
    if not result.ok:
        return f"{result.stage}: {result.error}"
    seen = [name for name in tried.wanted if name in result.blobs or name in tried.job.wanted]
    told = (_difference(name, result.blobs[name], tried.wanted[name]) for name in seen)
    return next(filter(None, told), "")


def _difference(name: str, found: np.ndarray, wanted: np.ndarray) -> str:
    if (found.shape, found.dtype) != (wanted.shape, wanted.dtype):
        return f"{name} is {found.dtype} {found.shape}, not {wanted.dtype} {wanted.shape}"
    if not np.allclose(found, wanted, rtol=2e-5, atol=1e-5, equal_nan=wanted.dtype.kind == "f"):
        return f"{name} is off by {np.abs(found.astype(float) - wanted).max()}"
    return ""
