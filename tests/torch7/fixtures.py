"""Networks that Torch7 saved, with the inputs it was given and what it computed; and networks made for a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import UnsupportedError
from pipeline.graph.evaluation import run
from pipeline.graph.input_spec import InputSpec, TableSpec, TensorSpec
from pipeline.graph.values import Graph
from pipeline.torch7.importer import lower, read
from pipeline.torch7.module import Module, find
from pipeline.torch7.reader import read_bytes
from tests.torch7.writer import dumps

DATA = Path(__file__).parents[1] / "data" / "torch7"
REFUSED = ("MaskedSelect", "SpatialFractionalMaxPooling", "TemporalDynamicKMaxPooling")
TOLERANCE = 1e-4
FAMILIES = {  # of fixtures that are not called after a module class
    "Convert": "shape",
    "Nested": "containers",
    "Residual": "containers",
    "dpnn": "vision",
}


def fixtures(family: str) -> list[str]:
    """Return the fixtures of the module classes in `pipeline.torch7.modules.<family>`."""
    return sorted(
        path.name
        for path in DATA.iterdir()
        if path.is_dir() and path.name not in REFUSED and _family(path.name) == family
    )


def _family(name: str) -> str:
    first = name.partition("_")[0]
    if first in FAMILIES:
        return FAMILIES[first]
    definition = find(f"nn.{first}")
    return definition.lower.__module__.rpartition(".")[2] if definition else "whole"


def check_fixture(name: str) -> Graph:
    """Import a fixture, run its graph on Torch7's inputs, and compare with what Torch7 computed."""
    folder = DATA / name
    meta = json.loads((folder / "meta.json").read_text())
    inputs, expected = io(folder)
    structure = meta["input"]
    specs = [structured(item, inputs) for item in ([structure] if isinstance(structure, str) else structure)]
    graph = read(folder / "model.t7", specs, meta.get("root"))
    outputs = run(graph, [array.astype(np.float32) for array in inputs])
    assert len(outputs) == len(expected)
    for got, wanted in zip(outputs, expected, strict=True):
        assert_close(got, wanted)
    return graph


def io(folder: Path) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the inputs and outputs in a fixture's io.npz."""
    with np.load(folder / "io.npz") as arrays:
        count = {p: sum(k.removeprefix(p).isdigit() for k in arrays.files if k.startswith(p)) for p in ("in", "out")}
        inputs, outputs = ([arrays[f"{p}{i}"] for i in range(count[p])] for p in ("in", "out"))
    return inputs, outputs


def structured(structure: Any, arrays: list[np.ndarray]) -> InputSpec:
    if isinstance(structure, str):
        return TensorSpec(arrays[int(structure[1:])].shape)
    return TableSpec(tuple(structured(item, arrays) for item in structure))


def assert_close(got: np.ndarray, wanted: np.ndarray) -> None:
    assert got.shape == wanted.shape
    error = np.abs(got.astype(np.float64) - wanted).max() / max(1.0, np.abs(wanted).max()) if wanted.size else 0
    assert error <= TOLERANCE


def as_read(value: Any) -> Any:
    """Write a value as Torch would, and read it again."""
    return read_bytes(memoryview(dumps(value))).root


def graph_of(module: Any, *shapes: Any) -> Graph:
    """Write a module made with `writer.nn`, read it again, and lower it for inputs of these shapes."""
    return lower(Module(as_read(module)), [spec(shape) for shape in shapes]).graph


def spec(shape: Any) -> InputSpec:
    """Make the spec of a tensor from a tuple of sizes, or of a table from a list."""
    return TableSpec(tuple(spec(item) for item in shape)) if isinstance(shape, list) else TensorSpec(tuple(shape))


def results(module: Any, *inputs: Any) -> tuple[np.ndarray, ...]:
    """Lower a module for these inputs (a list is a table) and give what its graph computes."""
    graph = graph_of(module, *[_shapes(x) for x in inputs])
    return run(graph, [array for x in inputs for array in _leaves(x)])


def _shapes(x: Any) -> Any:
    return [_shapes(item) for item in x] if isinstance(x, list) else x.shape


def _leaves(x: Any) -> list[np.ndarray]:
    return [array for item in x for array in _leaves(item)] if isinstance(x, list) else [x]


def check(module: Any, *inputs: Any, expected: Any) -> None:
    """Check that a module converts and computes the same: `expected` is an array, or a list of them."""
    wanted = expected if isinstance(expected, list) else [expected]
    got = results(module, *inputs)
    assert len(got) == len(wanted)
    for ours, theirs in zip(got, wanted, strict=True):
        assert_close(ours, np.asarray(theirs))


def refusal(module: Any, *inputs: Any) -> str:
    """Lower a module for these inputs, of which one part cannot be converted, and return why."""
    with pytest.raises(UnsupportedError) as caught:
        results(module, *inputs)
    (problem,) = caught.value.problems
    return problem.reason
