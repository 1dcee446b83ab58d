"""Reads an ONNX model as a graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from pipeline.errors import InvalidInputError, Problem, UnsupportedError, UsageError
from pipeline.graph.operators import ShapeError
from pipeline.graph.values import Graph, Origin, Shape, TensorType
from pipeline.onnx.files import OnnxModel
from pipeline.onnx.forms import OPSET, ORIGINS
from pipeline.onnx.read.operator import Operator
from pipeline.onnx.read.reader import READS, Missing, OnnxReader
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
    net = OnnxReader(graph.name, model.weights, inputs)
    origins = _origins(model.proto)
    problems: list[Problem] = []
    unread: set[str] = set()
    for node in graph.node:
        operator = Operator(node)
        origin = origins.get(operator.name, Origin(operator.name, operator.type))
        found = _read(operator, origin, net, unread) if node.domain in ("", "ai.onnx") else _foreign(operator)
        if found is None:
            problems.extend(operator.unused())
        else:
            unread.update(operator.outputs)
            problems.extend(found)
    if problems:
        raise UnsupportedError(tuple(problems))
    try:
        return net.close([info.name for info in graph.output])
    except Missing as error:
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


def _foreign(operator: Operator) -> tuple[Problem, ...]:
    return (Problem(str(operator), "it is of another domain than ONNX's own"),)


def _read(operator: Operator, origin: Origin, net: OnnxReader, unread: set[str]) -> tuple[Problem, ...] | None:
    """Add a node. Returns None, or if that failed, why (empty if it follows from its inputs)."""
    reader = READS.get(operator.type)
    if reader is None:
        return (Problem(str(operator), f"operator {operator.type} is not supported"),)
    try:
        net.read(operator, origin, reader)
    except UnsupportedError as error:
        return error.problems
    except Missing as error:
        name = str(error)
        return () if name in unread else (Problem(str(operator), f"no node before it makes its input {name}"),)
    except ShapeError as error:
        raise InvalidInputError("a node does not fit its inputs", where=str(operator), why=str(error)) from error
    except (LookupError, ValueError, ArithmeticError, TypeError) as error:  # from unexpected inputs or attributes
        why = f"it has {len(operator.inputs)} inputs and {len(operator.outputs)} outputs: {error}"
        raise InvalidInputError("a node is not what it should be", where=str(operator), why=why) from error
    return None
