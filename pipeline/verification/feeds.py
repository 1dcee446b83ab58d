"""What to feed a network when it is verified: the user's own arrays, or seeded random ones in its range."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from pipeline.errors import InvalidInputError, UsageError
from pipeline.graph.input_types import index_inputs
from pipeline.graph.values import Graph, Shape, Value

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """Inputs, and where they are known the outputs that the original network computed for them."""

    title: str
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...] = ()


def read_reference(path: Path, graph: Graph) -> Reference:
    """Read in0, in1, ... and out0, out1, ... of an npz file; of arrays that do not fit, only the headers are read.

    Raises InvalidInputError for a file that is no npz of numbers, UsageError where its arrays are not what the network
    takes.
    """
    try:
        with ZipFile(path) as archive:
            inputs = _arrays(path, archive, "in", graph.inputs)
            outputs = _arrays(path, archive, "out", graph.outputs)
    except (OSError, ValueError, EOFError, BadZipFile, RuntimeError, zlib.error) as error:
        # RuntimeError: an encrypted file, or one packed in a way that Python does not know
        raise InvalidInputError(f"{path} cannot be read as npz", why=str(error)) from None
    return Reference(path.name, inputs, outputs)


def _arrays(path: Path, archive: ZipFile, prefix: str, values: Sequence[Value]) -> tuple[Array, ...]:
    """Read the arrays of one kind; outputs may be missing."""
    names: list[str] = []
    held = set(archive.namelist())
    while (name := f"{prefix}{len(names)}.npy") in held:
        names.append(name)
    if prefix == "out" and not names:
        return ()
    found = [_shape(archive, name) for name in names]
    expected = [value.shape for value in values]
    if expected != found:
        what = {"in": "takes", "out": "gives"}[prefix]
        raise UsageError(f"{path}: {prefix}0.. have shapes {found}; the network {what} {expected}")
    arrays = []
    for name in names:
        with archive.open(name) as stream:
            arrays.append(np.ascontiguousarray(np.lib.format.read_array(stream, allow_pickle=False), np.float32))
    return tuple(arrays)


def _shape(archive: ZipFile, name: str) -> Shape:
    """Return the shape of an array by its header; raises ValueError where it holds anything but numbers."""
    with archive.open(name) as stream:
        first = np.lib.format.read_magic(stream) == (1, 0)
        read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    if dtype.kind not in "fiub":
        raise ValueError(f"{name} holds {dtype}, and not numbers")
    return tuple(shape)


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
