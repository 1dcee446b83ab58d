"""What to feed a network when it is verified: the user's own arrays, or seeded random ones in its range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from pipeline.errors import InvalidInputError, UsageError
from pipeline.graph.input_types import index_inputs
from pipeline.graph.values import Graph, Value
from pipeline.torch7 import reader
from pipeline.torch7.objects import LuaValue, Table, Tensor, describe

Array = np.ndarray[Any, Any]
Arrays = tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """Inputs, and where they are known the outputs that the original network computed for them."""

    title: str
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...] = ()


def read_reference(path: Path, graph: Graph) -> Reference:
    """Read in0, in1, ... and out0, out1, ... of an npz file, or {inputs, outputs} as Torch7 saves it, tables nested.

    Raises InvalidInputError for a file that is neither, UsageError where its arrays are not what the network takes.
    """
    inputs, outputs = _arrays(path)
    _check(path, "in", inputs, graph.inputs)
    if outputs:
        _check(path, "out", outputs, graph.outputs)
    return Reference(path.name, inputs, outputs)


def input_shapes(path: Path) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of the inputs in a file that `read_reference` reads; errors as that."""
    return tuple(array.shape for array in _arrays(path)[0])


def _arrays(path: Path) -> tuple[Arrays, Arrays]:
    return _saved_by_torch(path) if path.suffix == ".t7" else _archived(path)


def write_reference(path: Path, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
    """Write arrays as `read_reference` reads them: the same ones give the same bytes."""
    arrays = {f"in{i}": array for i, array in enumerate(inputs)} | {f"out{i}": array for i, array in enumerate(outputs)}
    np.savez(path, **arrays)  # type: ignore[arg-type]  # the keys are in0, out0 ...


def _archived(path: Path) -> tuple[Arrays, Arrays]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, TypeError, BadZipFile) as error:  # TypeError: a lone array
        raise InvalidInputError(f"{path} cannot be read as npz", why=str(error)) from None
    return _numbered(arrays, "in"), _numbered(arrays, "out")


def _saved_by_torch(path: Path) -> tuple[Arrays, Arrays]:
    sides = reader.load(path)
    if not isinstance(sides, Table) or len(sides.array()) != 2:
        raise InvalidInputError(f"{path} is no reference", why="it is no table of two: the inputs, and the outputs")
    inputs, outputs = (tuple(_tensors(side, path)) for side in sides.array())
    return inputs, outputs


def _tensors(value: LuaValue, path: Path) -> Iterator[Array]:
    """Return the tensors of a nested table in order."""
    if isinstance(value, Tensor):
        yield np.ascontiguousarray(value.numpy(), np.float32)
    elif isinstance(value, Table):
        for item in value.array():
            yield from _tensors(item, path)
    else:
        raise InvalidInputError(f"{path} is no reference", why=f"there is {describe(value)} where a tensor should be")


def _numbered(arrays: dict[str, Array], prefix: str) -> Arrays:
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
