"""The files of an ONNX network: a model and perhaps a file of weights, read and written as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import InvalidInputError
from pipeline.graph.budget import Budget
from pipeline.onnx import tensors
from pipeline.onnx.schema import GraphProto, ModelProto
from pipeline.wire import messages, scan, splice
from pipeline.wire.digest import Digested
from pipeline.wire.mapped import map_file, reading
from pipeline.wire.progress import Progress, no_progress
from pipeline.wire.strip import strip

Array = np.ndarray[Any, Any]
_GRAPH, _NODE = 7, 1  # of ModelProto, of GraphProto
_PAGE = 4096  # bytes to which weights in a separate file are aligned, because runtimes may map them
_OUTSIDE = 1024  # bytes; smaller weights stay in the model, since shape inference needs those that are shapes and axes


@dataclass(frozen=True, slots=True, eq=False)
class OnnxModel:
    """A network: `proto`, a model without initializers, and its `weights` by name, in the order of the file.

    Weights are float32 (or any float type if they are to be written) or int64.
    """

    proto: ModelProto
    weights: Mapping[str, Array] = field(default_factory=dict)


def data_file(path: Path) -> Path:
    """Return the path of the separate file for the weights of a model that would reach 2 GiB."""
    return path.with_name(f"{path.name}.data")


def write_model(model: OnnxModel, path: Path, progress: Progress = no_progress) -> dict[str, Digested]:
    """Write a model, and return the digests of its files by name. The same network gives the same bytes.

    These are the bytes that protobuf itself would write. If a model would reach 2 GiB, the limit of protobuf, its
    weights are written to `data_file`. Raises MachineError if a file cannot be written.
    """
    parts = _parts(model, {})
    if splice.total(parts) < splice.LIMIT:
        return {path.name: splice.write(path, parts, progress)}
    data, offsets = _outside(model.weights)
    beside = data_file(path)
    parts = _parts(model, {name: (beside.name, offset) for name, offset in offsets.items()})
    splice.check_size(path.name, splice.total(parts))
    return {path.name: splice.write(path, parts), beside.name: splice.write(beside, data, progress)}


def _parts(model: OnnxModel, places: Mapping[str, tuple[str, int]]) -> list[splice.Part]:
    """Return the parts of the file of a model. `places` are the file and offset of each weight in a separate file."""
    held: list[splice.Part] = []
    for name, array in model.weights.items():
        held += tensors.outside(name, array, *places[name]) if name in places else tensors.inside(name, array)
    first, rest = GraphProto(), GraphProto()
    rest.CopyFrom(model.proto.graph)
    first.node.extend(rest.node)
    first.name = rest.name
    for name in ("node", "name"):
        rest.ClearField(name)  # type: ignore[arg-type]
    graph = splice.message(_GRAPH, [_bytes(first), *held, _bytes(rest)])
    before, after = ModelProto(), ModelProto()
    for descriptor, value in model.proto.ListFields():
        side = before if descriptor.number < _GRAPH else after
        if descriptor.number != _GRAPH and descriptor.is_repeated:
            getattr(side, descriptor.name).extend(value)
        elif descriptor.number != _GRAPH:
            setattr(side, descriptor.name, value)
    return [_bytes(before), *graph, _bytes(after)]


def _bytes(message: ModelProto | GraphProto) -> bytes:
    return message.SerializeToString(deterministic=True)


def _outside(weights: Mapping[str, Array]) -> tuple[list[splice.Part], dict[str, int]]:
    """Return the parts of a separate file for weights that are not small, and the offset of each of them."""
    parts: list[splice.Part] = []
    offsets: dict[str, int] = {}
    end = 0
    for name, array in weights.items():
        held = tensors.numbers(array)
        if len(held) >= _OUTSIDE:
            gap = -end % _PAGE
            offsets[name] = end + gap
            parts += [bytes(gap), held]
            end += gap + len(held)
    return parts, offsets


def read_model(path: Path) -> OnnxModel:
    """Read a model. Its weights are views of its files.

    Raises InvalidInputError for a damaged file, OverBudget for too many nodes, UnsupportedError for unknown fields
    (training, functions, sparse tensors) and for weights that are neither floats nor integers.
    """
    view = map_file(path)
    with reading(path):
        Budget().check("nodes", scan.count(view, _GRAPH, _NODE), path)
        weights = tensors.scan_weights(view, path.parent)
        proto = messages.parse_binary(strip(view, tensors.WITHOUT_WEIGHTS), ModelProto, path)
        if not proto.HasField("graph"):
            raise InvalidInputError("this is no ONNX model", why="it holds no graph")
        return OnnxModel(proto, weights)
