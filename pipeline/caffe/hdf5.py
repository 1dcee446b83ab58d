"""Weights in HDF5, as Caffe saves them: each blob is a dataset /data/<layer>/<index>.

Follows Net::ToHDF5 and Net::CopyTrainedLayersFromHDF5 (net.cpp): a parameter that several layers share is stored only
with the first of them.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.caffe.blobs import ABSENT, Array, StoredBlob
from pipeline.caffe.schema import NetParameter
from pipeline.errors import InvalidInputError, MachineError, MissingLibrary, Problem, UnsupportedError
from pipeline.graph.budget import Budget
from pipeline.wire.splice import Floats, Part

if TYPE_CHECKING:
    import h5py

_MOST = 1024  # blobs of a layer; a recurrent one has a dozen
_BLOCK = 1 << 20  # bytes inflated at once
_SHOWN = 20  # names in an error
_LIMIT = 1 << 31  # numbers in a dataset; Caffe counts them in a signed 32-bit integer


def require(need: str) -> None:
    """Raise MissingLibrary, with the reason `need`, if h5py is not installed."""
    try:
        import h5py  # noqa: F401
    except ImportError as error:
        raise MissingLibrary("h5py", need) from error


def parts(path: Path, net: NetParameter, blobs: Mapping[str, tuple[Array, ...]]) -> list[Part]:
    """Return the parts of an HDF5 file with the weights of a net: what h5py writes around the numbers, and the numbers.

    h5py first writes a file at `path`, with holes for the numbers, which take no space; writing the parts to `path`
    replaces it. The same weights give the same bytes. Raises UnsupportedError for a layer whose name cannot be that of
    a group, MissingLibrary without h5py, MachineError if `path` cannot be written.
    """
    require(f"to write {path.name}, which is HDF5,")
    problems = tuple(
        Problem(f"layer {layer.name!r}", "HDF5 has no group of this name")
        for layer in net.layer
        if layer.name in ("", ".") or "/" in layer.name or "\0" in layer.name
    )
    if problems:
        raise UnsupportedError(problems)
    try:
        places = _lay_out(path, _owned(net, blobs))
        return list(_around(path, places))
    except (OSError, RuntimeError, ValueError) as error:
        raise MachineError(f"{path} cannot be written", why=str(error)) from error


def _owned(net: NetParameter, blobs: Mapping[str, tuple[Array, ...]]) -> dict[str, dict[int, Array]]:
    """Return the blobs of each layer by index, without those that it shares with an earlier layer."""
    seen: set[str] = set()
    owned: dict[str, dict[int, Array]] = {}
    for layer in net.layer:
        names = [spec.name for spec in layer.param]
        group = owned[layer.name] = {}
        for index, array in enumerate(blobs.get(layer.name, ())):
            name = names[index] if index < len(names) else ""
            if name not in seen and array is not ABSENT:
                group[index] = array
            seen.update([name] if name else [])
    return owned


def _lay_out(path: Path, owned: Mapping[str, Mapping[int, Array]]) -> list[tuple[int, Array]]:
    """Write a file with holes for the numbers, and return the offset of each blob in it."""
    import h5py

    places = []
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    settings.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    settings.set_obj_track_times(False)
    with h5py.File(path, "w", libver=("earliest", "v108")) as file:  # Caffe may have an old HDF5
        data = file.create_group("data")
        for name, group in owned.items():
            layer = data.create_group(name)
            for index, array in group.items():
                space = h5py.h5s.create_simple(array.shape) if array.shape else h5py.h5s.create(h5py.h5s.SCALAR)
                kind = h5py.h5t.IEEE_F32LE
                dataset = h5py.h5d.create(layer.id, str(index).encode(), kind, space, settings)
                if array.size:
                    places.append((dataset.get_offset(), array))
    return sorted(places, key=lambda place: place[0])


def _around(path: Path, places: Iterable[tuple[int, Array]]) -> Iterable[Part]:
    """Yield the parts of a file that has been laid out, with each blob at its offset."""
    with path.open("rb") as file:
        at = 0
        for offset, array in places:
            file.seek(at)
            if offset > at:
                yield file.read(offset - at)
            floats = Floats(array)
            yield floats
            at = offset + len(floats)
        file.seek(at)
        yield file.read()


def read_blobs(path: Path, view: memoryview) -> dict[str, tuple[StoredBlob, ...]]:
    """Read the blobs of each layer, by name. Uncompressed ones are views of `view`, the mapped file.

    Raises MissingLibrary if h5py is not installed, InvalidInputError if the file is not Caffe's, OverBudget if it holds
    more compressed numbers than is plausible for its size.
    """
    require(f"to read {path}, which is HDF5,")
    import h5py

    budget = Budget()
    budget.grow("weights", len(view))
    try:
        with h5py.File(path, "r") as file:
            layers = _member(file, "data", h5py.Group)
            groups = {name: _member(layers, name, h5py.Group) for name in layers}
            blobs = {name: tuple(_arrays(group, view, budget)) for name, group in groups.items()}
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, UnicodeError) as error:
        raise InvalidInputError(f"{path} is damaged, or not the weights of a Caffe network", why=str(error)) from error
    return {name: group for name, group in blobs.items() if group}


def with_shared(blobs: Mapping[str, tuple[StoredBlob, ...]], net: NetParameter) -> dict[str, tuple[StoredBlob, ...]]:
    """Return the blobs with ABSENT for the last parameters of a layer that the file lacks, if they may be shared."""
    named = {layer.name: [i for i, spec in enumerate(layer.param) if spec.name] for layer in net.layer}
    counts = {name: indices[-1] + 1 for name, indices in named.items() if indices}
    return {name: group + (StoredBlob(ABSENT),) * (counts.get(name, 0) - len(group)) for name, group in blobs.items()}


def _arrays(group: h5py.Group, view: memoryview, budget: Budget) -> list[StoredBlob]:
    import h5py

    names = sorted(group, key=int)
    if any(name != str(int(name)) or not 0 <= int(name) < _MOST for name in names):
        raise ValueError(f"{group.name} holds {', '.join(names[:_SHOWN])}, not blobs by index")
    blobs = [StoredBlob(ABSENT)] * (int(names[-1]) + 1 if names else 0)
    for name in names:
        blobs[int(name)] = StoredBlob(_array(_member(group, name, h5py.Dataset), view, budget))
    return blobs


def _array(dataset: h5py.Dataset, view: memoryview, budget: Budget) -> np.ndarray[Any, Any]:
    if dataset.dtype.kind != "f" or dataset.dtype.itemsize > 8:
        raise ValueError(f"{dataset.name} holds {dataset.dtype}, not floating-point numbers")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{dataset.name} lies in another file")
    if dataset.shape is None or dataset.size >= _LIMIT:
        raise ValueError(f"{dataset.name} has the shape {dataset.shape}")
    offset = dataset.id.get_offset()  # None if the numbers are compressed or chunked
    if offset is not None and offset + dataset.nbytes <= len(view):
        return np.ndarray(dataset.shape, dataset.dtype, view, offset)
    budget.spend("weights", _unpacked(dataset), dataset.name)
    _refuse_bomb(dataset, view)
    values: np.ndarray[Any, Any] = dataset[()]
    return values


def _unpacked(dataset: h5py.Dataset) -> int:
    """Return how many bytes HDF5 unpacks to read a dataset: whole pieces, where it lies in pieces."""
    pieces = [(-(-extent // of), of) for extent, of in zip(dataset.shape, dataset.chunks or (), strict=False)]
    return int(dataset.dtype.itemsize * math.prod(count * of for count, of in pieces)) if pieces else dataset.nbytes


def _refuse_bomb(dataset: h5py.Dataset, view: memoryview) -> None:
    """Raise ValueError for a dataset in pieces of which one lacks, or holds more than its place takes.

    HDF5 unpacks a piece to its end, whatever that is, and keeps account of each that may be there.
    """
    import h5py

    if not dataset.chunks:
        return
    plan = dataset.id.get_create_plist()
    filters = [plan.get_filter(i)[0] for i in range(plan.get_nfilters())]
    known = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_FLETCHER32)
    if filters != [each for each in known if each in filters]:
        raise ValueError(f"{dataset.name} is packed by another filter than gzip")
    pieces: list[Any] = []
    dataset.id.chunk_iter(pieces.append)
    if len(pieces) < math.prod(-(-extent // of) for extent, of in zip(dataset.shape, dataset.chunks, strict=True)):
        raise ValueError(f"{dataset.name} lacks numbers")
    most = math.prod(dataset.chunks) * dataset.dtype.itemsize
    for piece in pieces:
        data = view[piece.byte_offset : piece.byte_offset + piece.size]
        if h5py.h5z.FILTER_DEFLATE in filters and _inflates_past(data, most):
            raise ValueError(f"{dataset.name} holds more numbers than its shape {dataset.shape}")


def _inflates_past(data: memoryview, most: int) -> bool:
    """Return whether a zlib stream holds more than `most` bytes; one that is damaged is left to HDF5 to tell."""
    stream, size, rest = zlib.decompressobj(), 0, bytes(data)
    with suppress(zlib.error):
        while rest and not stream.eof and size <= most:
            size += len(stream.decompress(rest, _BLOCK))
            rest = stream.unconsumed_tail
    return size > most


def _member(group: h5py.Group, name: str, kind: type) -> Any:  # noqa: ANN401 - what `kind` says
    import h5py

    # Soft and external links are refused, since they may lead to any file of this machine.
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{group.name} holds no {name} of its own")
    member = group[name]
    if not isinstance(member, kind):
        raise ValueError(f"{member.name} is no {kind.__name__}")
    return member
