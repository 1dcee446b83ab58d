"""The inputs for a verification: arrays of the user, or random ones with a seed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from pipeline.errors import InvalidInputError, UsageError
from pipeline.graph.bounds import bounded
from pipeline.graph.input_spec import TensorSpec
from pipeline.graph.input_types import index_inputs
from pipeline.graph.values import Graph, Shape, Value
from pipeline.torch7 import reader
from pipeline.torch7.format import TORCH7
from pipeline.torch7.objects import LuaValue, Table, Tensor, describe
from pipeline.wire.foreign import foreign
from pipeline.wire.mapped import map_file

Array = np.ndarray[Any, Any]
_HEADER = 1 << 16  # bytes at the start of an array in which its header must be

_REFERENCE = "a reference is an npz with in0, in1 ... and out0 ..., or a table of inputs and outputs that Torch7 saved"


@dataclass(frozen=True, slots=True)
class Reference:
    """Inputs, and the outputs that the original network computed for them, if they are known."""

    title: str
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...] = ()


@dataclass(frozen=True, slots=True)
class _Stored:
    """An array in a file. If its shape does not fit, the array itself is never read."""

    shape: Shape
    read: Callable[[], Array]


def read_reference(path: Path, graph: Graph) -> Reference:
    """Read in0, in1, ... and out0, out1, ... from an npz file, or {inputs, outputs} from a t7 file, with nested tables.

    Raises InvalidInputError if the file is neither, UsageError if its arrays do not fit the network.
    """
    inputs, outputs = _arrays(path)
    _check(path, "in", inputs, graph.inputs)
    if outputs:
        _check(path, "out", outputs, graph.outputs, bounded(graph))
    read = partial(_read, path)
    return Reference(path.name, tuple(map(read, inputs)), tuple(map(read, outputs)))


def input_shapes(path: Path) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of the inputs in a file that `read_reference` reads. Raises as `read_reference`."""
    return tuple(array.shape for array in _arrays(path)[0])


def _arrays(path: Path) -> tuple[list[_Stored], list[_Stored]]:
    view = map_file(path)
    if bytes(view[:2]) == b"PK":
        inputs, outputs = _archived(path)
        if not inputs:
            raise InvalidInputError(f"{path} is no reference", why="it holds no array called in0", advice=_REFERENCE)
        return inputs, outputs
    if TORCH7.recognise(view):
        return _saved_by_torch(path)
    what = foreign(view)
    is_what = f"{path} is {what.name}, and no reference" if what else f"{path} is no reference"
    raise InvalidInputError(is_what, advice=_REFERENCE)


def write_reference(path: Path, inputs: Sequence[Array], outputs: Sequence[Array]) -> None:
    """Write arrays as `read_reference` reads them. The same arrays give the same bytes."""
    arrays = {f"in{i}": array for i, array in enumerate(inputs)} | {f"out{i}": array for i, array in enumerate(outputs)}
    np.savez(path, **arrays)  # type: ignore[arg-type]  # the keys are in0, out0 ...


def _archived(path: Path) -> tuple[list[_Stored], list[_Stored]]:
    with _as_npz(path), ZipFile(path) as archive:
        return _headers(path, archive, "in"), _headers(path, archive, "out")


@contextmanager
def _as_npz(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, EOFError, BadZipFile, RuntimeError, zlib.error) as error:
        # RuntimeError: an encrypted file, or an unsupported compression
        raise InvalidInputError(f"{path} cannot be read as npz", why=str(error)) from None


def _headers(path: Path, archive: ZipFile, prefix: str) -> list[_Stored]:
    held, found = set(archive.namelist()), list[_Stored]()
    while (name := f"{prefix}{len(found)}.npy") in held:
        found.append(_Stored(_shape(archive, name), partial(_unpacked, path, name)))
    return found


def _shape(archive: ZipFile, name: str) -> Shape:
    """Return the shape in the header of an array. Raises ValueError if it holds anything but numbers."""
    with archive.open(name) as packed:
        stream = BytesIO(packed.read(_HEADER))  # a limit, since the length that the header claims is untrusted
        first = np.lib.format.read_magic(stream) == (1, 0)
        read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    if dtype.kind not in "fiub":
        raise ValueError(f"{name} holds {dtype}, and not numbers")
    return tuple(shape)


def _unpacked(path: Path, name: str) -> Array:
    with ZipFile(path) as archive, archive.open(name) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _saved_by_torch(path: Path) -> tuple[list[_Stored], list[_Stored]]:
    sides = reader.load(path)
    if not isinstance(sides, Table) or len(sides.array()) != 2:
        raise InvalidInputError(f"{path} is no reference", why="it is no table of two: the inputs, and the outputs")
    inputs, outputs = (list(_tensors(side, path)) for side in sides.array())
    return inputs, outputs


def _tensors(value: LuaValue, path: Path) -> Iterator[_Stored]:
    """Return the tensors of a nested table in order."""
    if isinstance(value, Tensor):
        yield _Stored(value.numpy().shape, value.numpy)
    elif isinstance(value, Table):
        for item in value.array():
            yield from _tensors(item, path)
    else:
        raise InvalidInputError(f"{path} is no reference", why=f"there is {describe(value)} where a tensor should be")


def _read(path: Path, stored: _Stored) -> Array:
    with _as_npz(path):
        return np.ascontiguousarray(stored.read(), np.float32)


def _check(
    path: Path, prefix: str, arrays: Sequence[_Stored], values: Sequence[Value], fewer: Collection[str] = ()
) -> None:
    """Raise UsageError unless arrays have the shapes of values. Those in `fewer` may have fewer rows."""
    expected = [value.shape for value in values]
    found = [array.shape for array in arrays]
    fits = len(expected) == len(found) and all(
        shape == value.shape or (value.name in fewer and _within(shape, value.shape))
        for shape, value in zip(found, values, strict=True)
    )
    if not fits:
        raise _misfit(path, prefix, found, expected)


def _misfit(path: Path, prefix: str, found: Sequence[Shape], expected: Sequence[Shape]) -> UsageError:
    """Return the error for arrays of which one, or whose number, does not fit the network."""
    kind, does = {"in": ("input", "takes"), "out": ("output", "gives")}[prefix]
    shapes = [(TensorSpec(has), TensorSpec(wants)) for has, wants in zip(found, expected, strict=False)]
    first = next((i for i, (has, wants) in enumerate(shapes) if has != wants), None)
    if len(found) != len(expected) or first is None:
        what = f"the number of {kind}s in {path.name} is {len(found)}, but the network {does} {len(expected)}"
    else:
        what = f"{kind} {prefix}{first} of {path.name} is {shapes[first][0]}, but the network {does} {shapes[first][1]}"
    advice = "give a reference that this network computed"
    if prefix == "in" and len(found) == len(expected):
        advice += f", or convert it for these shapes: {' '.join(f'--input {has}' for has, _ in shapes)}"
    return UsageError(what, where=str(path), advice=advice)


def _within(shape: Shape, most: Shape) -> bool:
    return len(shape) == len(most) and all(extent <= bound for extent, bound in zip(shape, most, strict=True))


def random_inputs(graph: Graph, seed: int) -> Reference:
    """Return random inputs: normally distributed numbers, or whole numbers for inputs that are indices."""
    rows = index_inputs(graph)
    generator = np.random.default_rng(seed)
    arrays = []
    for value in graph.inputs:
        if value.name in rows:
            arrays.append(generator.integers(1, rows[value.name] + 1, value.shape).astype(np.float32))
        else:
            arrays.append(generator.standard_normal(value.shape, np.float32))
    return Reference(f"random, seed {seed}", tuple(arrays))
