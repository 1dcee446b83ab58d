"""What tests all over the tree share: fixtures, numbers, real runtimes, and what is asked of a graph or a file."""

from __future__ import annotations

import ctypes
import json
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from blake3 import blake3

from pipeline.config import load
from pipeline.engine import runner
from pipeline.errors import Problem, UnsupportedError
from pipeline.graph.values import Graph
from pipeline.runtimes.discovery import runtimes
from pipeline.wire.digest import Digested

_SHARED = Path(os.environ.get("TORCH2CAFFE2_SHARED") or Path(__file__).parents[2] / "shared")
_RUNTIMES = runtimes(os.environ)
T = TypeVar("T")


def _parameters(reads: str, name: str) -> list[Any]:
    """Return every runtime of a name that reads a format, as parameters; one that is skipped where there is none."""
    missing = pytest.mark.skip(f"no {name} was found; make runtimes, or set {name.upper()}_PYTHON")
    found = [pytest.param(each, id=each.title) for each in _RUNTIMES if (each.reads, each.name) == (reads, name)]
    return found or [pytest.param(None, id="none", marks=missing)]


# Parameters of a test or fixture: every real Caffe, Caffe2, ONNX Runtime and PyTorch here.
CAFFES = _parameters("caffe", "Caffe")
CAFFE2S = _parameters("caffe2", "Caffe2")
ONNX_RUNTIMES = _parameters("onnx", "ONNXRuntime")
PYTORCHES = _parameters("pytorch", "PyTorch")


@contextmanager
def allocating_less_than(size: int) -> Iterator[None]:
    """Check that what runs in the block allocates fewer bytes than `size` at any time, as far as Python knows."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size


@contextmanager
def taking_less_than(seconds: float) -> Iterator[None]:
    """Check that what runs in the block takes this process less than so many seconds of processor time.

    A busy or slow machine makes three times as much of it: choose at least five times what it takes.
    """
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds


def digested(path: Path) -> Digested:
    """Return the digest and the size of a file."""
    data = path.read_bytes()
    return Digested(blake3(data).hexdigest(), len(data))


def shared(*parts: str) -> Path:
    """Return a file or folder of the fixtures that are too large for this repository, or skip the test."""
    path = _SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path} is not here; set TORCH2CAFFE2_SHARED to the folder of fixtures")
    return path


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Return float32 numbers around 0, the same in every run."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def operators(graph: Graph) -> list[str]:
    """Name the operators of a graph, in order."""
    return [node.operator.name for node in graph.nodes]


def refused(call: Callable[[T], object], given: T) -> tuple[Problem, ...]:
    """Return the problems for which a reader or writer refuses what it is given; none if it takes it."""
    try:
        call(given)
    except UnsupportedError as error:
        return error.problems
    return ()


def convert(model: Path, output: Path, **typed: object) -> runner.Outcome:
    """Convert with the real stages, and with a store beside the output folder."""
    (options,) = load(None, {"model": model, "output": output, "store": output.parent / "store", **typed}, {})
    return runner.run(options, lambda event: None)


def states(outcome: runner.Outcome) -> dict[str, str]:
    """Return the state in which a run left each stage, by name."""
    return {stage.name: stage.state for stage in outcome.record.stages}


def edit(path: Path, data: bytes) -> None:
    """Replace a file as editors do: by a new file under the old name."""
    path.unlink()
    path.write_bytes(data)


def edit_record(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what the run record of an output folder says, as somebody who hands it over can."""
    path = folder / "run.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


@contextmanager
def unprivileged() -> Iterator[None]:
    """Have what files permit hold for this thread inside the block, though it be the superuser's (capabilities(7))."""
    if os.geteuid():
        yield
        return
    header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()  # the version; whose: ours
    library = ctypes.CDLL(None)
    assert library.capget(header, sets) == 0
    effective = sets[0]
    sets[0] &= ~(1 << 1 | 1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    assert library.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] = effective
        assert library.capset(header, sets) == 0
