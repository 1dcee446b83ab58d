"""Weights that Caffe saved as HDF5: /data/<layer>/<index>, a dataset a blob.

Follows Net::CopyTrainedLayersFromHDF5 (net.cpp).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.caffe.blobs import Blob
from pipeline.errors import InvalidInputError, UsageError

if TYPE_CHECKING:
    import h5py

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_COMPRESSION = 2048  # no filter of HDF5 packs more bytes into one
_LIMIT = 1 << 31  # numbers in a dataset; Caffe counts them in a signed 32-bit integer


def is_hdf5(view: memoryview) -> bool:
    """Tell an HDF5 file by its signature, as Caffe does."""
    return bytes(view[:8]) == _SIGNATURE


def read_blobs(path: Path, view: memoryview) -> dict[str, tuple[Blob, ...]]:
    """Read the blobs of each layer, by name; uncompressed ones are views of `view`, the mapped file.

    Raises UsageError where h5py is not installed, InvalidInputError where the file is not Caffe's.
    """
    try:
        import h5py
    except ImportError as error:
        raise UsageError(
            f"{path} is an HDF5 file, which needs h5py to be read", advice="pip install 'torch2caffe2[hdf5]'"
        ) from error
    try:
        with h5py.File(path, "r") as file:
            layers = _member(file, "data", h5py.Group)
            groups = {name: _member(layers, name, h5py.Group) for name in layers}
            blobs = {name: tuple(_arrays(group, view)) for name, group in groups.items()}
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, UnicodeError) as error:
        raise InvalidInputError(f"{path} is damaged, or not the weights of a Caffe network", why=str(error)) from error
    return {name: group for name, group in blobs.items() if group}


def _arrays(group: h5py.Group, view: memoryview) -> list[Blob]:
    import h5py

    names = sorted(group, key=int)
    if names != [str(index) for index in range(len(names))]:
        raise ValueError(f"{group.name} holds {', '.join(names)}, not blobs by index")
    return [Blob(_array(_member(group, name, h5py.Dataset), view)) for name in names]


def _array(dataset: h5py.Dataset, view: memoryview) -> np.ndarray[Any, Any]:
    if dataset.dtype.kind != "f" or dataset.dtype.itemsize > 8:
        raise ValueError(f"{dataset.name} holds {dataset.dtype}, not floating-point numbers")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{dataset.name} lies in another file")
    if dataset.shape is None or dataset.size >= _LIMIT:
        raise ValueError(f"{dataset.name} has the shape {dataset.shape}")
    offset = dataset.id.get_offset()  # None where the numbers are compressed or in pieces
    if offset is not None and offset + dataset.nbytes <= len(view):
        return np.ndarray(dataset.shape, dataset.dtype, view, offset)
    if dataset.nbytes > _COMPRESSION * dataset.id.get_storage_size():
        raise ValueError(f"{dataset.name} is larger than its file can hold")
    values: np.ndarray[Any, Any] = dataset[()]
    return values


def _member(group: h5py.Group, name: str, kind: type) -> Any:  # noqa: ANN401 - what `kind` says
    import h5py

    # A soft or external link may name any file of this machine.
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{group.name} holds no {name} of its own")
    member = group[name]
    if not isinstance(member, kind):
        raise ValueError(f"{member.name} is no {kind.__name__}")
    return member
