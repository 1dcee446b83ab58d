"""Reads an ONNX model as a graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from pipeline.errors import InvalidInputError, UnsupportedError, UsageError
from pipeline.graph.readers import MissingValue
from pipeline.graph.values import Graph, Origin, Shape, TensorType
from pipeline.onnx.files import OnnxModel
from pipeline.onnx.forms import OPSET, ORIGINS
from pipeline.onnx.read.operator import Operator
from pipeline.onnx.read.reader import READS, OnnxReader
from pipeline.onnx.schema import ModelProto, ValueInfoProto
from pipeline.onnx.tensors import TYPES

_NONE: Mapping[str, Shape] = MappingProxyType({})
_NAMES = {kind: name for name, kind in TYPES.items()}


def read(model: OnnxModel, input_shapes: Mapping[str, Shape] = _NONE) -> Graph:
    """Return a model, such as `write` makes, as a graph. Free extents of inputs are those in `input_shapes`, or else 1.

    Raises UnsupportedError with every node and attribute that is not understood, and for another opset,
    InvalidInputError if nodes do not fit each other, UsageError if the given inputs are not those of the model.
    """
    _check_version(model.proto)
    graph = model.proto.graph
    inputs = {info.name: _type(info, input_shapes) for info in graph.input if info.name not in model.weights}
    for name in input_shapes:
        if name not in inputs:
            raise UsageError(f"the model has no input {name}", advice=f"it takes {', '.join(inputs)}")
    net = OnnxReader(graph.name, model.weights, inputs, _origins(model.proto))
    READS.read(map(Operator, graph.node), net)
    try:
        return net.close([info.name for info in graph.output])
    except MissingValue as error:
        raise InvalidInputError(f"the model does not make its output {error}") from error


def _check_version(proto: ModelProto) -> None:
    versions = {entry.domain or "ai.onnx": entry.version for entry in proto.opset_import}
    if versions.get("ai.onnx") != OPSET:
        found = versions.get("ai.onnx", "none")
        raise UnsupportedError.one(f"opset {found}", f"what is read is opset {OPSET}, as this program writes")


def _type(info: ValueInfoProto, given: Mapping[str, Shape]) -> TensorType:
    tensor = info.type.tensor_type
    dtype = _NAMES.get(tensor.elem_type)  # type: ignore[call-overload]  # an enum's numbers are ints
    if dtype is None:
        raise UnsupportedError.one(f"input {info.name}", f"it is no tensor of {', '.join(TYPES)}")
    shape = tuple(dim.dim_value if dim.HasField("dim_value") else 1 for dim in tensor.shape.dim)
    shape = tuple(given.get(info.name, shape))
    if any(extent < 0 for extent in shape):
        raise InvalidInputError(f"the model's input {info.name} has shape {shape}")
    return TensorType(shape, dtype)


def _origins(proto: ModelProto) -> dict[str, Origin]:
    """Return the origin of each node by name; empty if the model has none in this form."""
    told = {entry.key: entry.value for entry in proto.metadata_props}
    try:
        found = json.loads(told.get(ORIGINS, "{}"))
        return {str(name): Origin(str(path), str(kind)) for name, (path, kind) in found.items()}
    except (ValueError, AttributeError, TypeError, RecursionError):
        return {}
