"""What to feed a network when it is verified: the user's own arrays, or seeded random ones in its range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from pipeline.errors import InvalidInputError, UsageError
from pipeline.graph.input_types import index_inputs
from pipeline.graph.values import Graph, Value

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """Inputs, and where they are known the outputs that the original network computed for them."""

    title: str
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...] = ()


def read_reference(path: Path, graph: Graph) -> Reference:
    """Read in0, in1, ... and out0, out1, ... of an npz file.

    Raises InvalidInputError for a file that is no npz, UsageError where its arrays are not what the network takes.
    """
    arrays = _arrays(path)
    inputs, outputs = _numbered(arrays, "in"), _numbered(arrays, "out")
    _check(path, "in", inputs, graph.inputs)
    if outputs:
        _check(path, "out", outputs, graph.outputs)
    return Reference(path.name, inputs, outputs)


def input_shapes(path: Path) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of in0, in1, ... in an npz file; errors as `read_reference`."""
    return tuple(array.shape for array in _numbered(_arrays(path), "in"))


def _arrays(path: Path) -> dict[str, Array]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, TypeError, BadZipFile) as error:  # TypeError: a lone array
        raise InvalidInputError(f"{path} cannot be read as npz", why=str(error)) from None


def _numbered(arrays: dict[str, Array], prefix: str) -> tuple[Array, ...]:
    count = 0
    while f"{prefix}{count}" in arrays:
        count += 1
    return tuple(np.ascontiguousarray(arrays[f"{prefix}{i}"], np.float32) for i in range(count))


def _check(path: Path, prefix: str, arrays: Sequence[Array], values: Sequence[Value]) -> None:
    expected = [value.shape for value in values]
    found = [array.shape for array in arrays]
    if expected != found:
        what = {"in": "takes", "out": "gives"}[prefix]
        raise UsageError(f"{path}: {prefix}0.. have shapes {found}; the network {what} {expected}")


def random_inputs(graph: Graph, seed: int) -> Reference:
    """Draw inputs from the normal distribution, and whole numbers for inputs that index a table."""
    rows = index_inputs(graph)
    generator = np.random.default_rng(seed)
    arrays = []
    for value in graph.inputs:
        if value.name in rows:
            arrays.append(generator.integers(1, rows[value.name] + 1, value.shape).astype(np.float32))
        else:
            arrays.append(generator.standard_normal(value.shape, np.float32))
    return Reference(f"random, seed {seed}", tuple(arrays))
