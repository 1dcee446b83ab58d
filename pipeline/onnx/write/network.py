"""Writes a graph as an ONNX model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import pipeline
from pipeline.graph.batch import ANY, free_batch
from pipeline.graph.passes.pads import explicit_pads
from pipeline.graph.values import Graph, TensorType, Value
from pipeline.onnx.files import OnnxModel
from pipeline.onnx.forms import BATCH, IR_VERSION, OPSET, ORIGINS
from pipeline.onnx.schema import ModelProto, OperatorSetIdProto, StringStringEntryProto, ValueInfoProto
from pipeline.onnx.tensors import TYPES
from pipeline.onnx.write.builder import WRITES, OnnxBuilder


def write(graph: Graph) -> OnnxModel:
    """Return a model with operators of opset 17.

    Raises UnsupportedError with every node that has no exact counterpart.
    """
    # Runtimes disagree on rounding up the number of windows, but not on pads at the end.
    simple, net = WRITES.write(explicit_pads(graph), OnnxBuilder)
    outputs = net.outputs(graph.outputs)
    free = free_batch(simple)
    net.graph.input.extend(_typed(value.name, value, free) for value in graph.inputs)
    net.graph.output.extend(_typed(name, value, free) for name, value in zip(outputs, graph.outputs, strict=True))
    inner = [value for value in simple.values() if value.name not in outputs]
    net.graph.value_info.extend(_typed(value.name, value, free) for value in inner)
    model = ModelProto(
        ir_version=IR_VERSION,
        producer_name="torch2caffe2",
        producer_version=pipeline.__version__,
        graph=net.graph,
        opset_import=[OperatorSetIdProto(domain="", version=OPSET)],
        metadata_props=[StringStringEntryProto(key=ORIGINS, value=_origins(simple))],
    )
    return OnnxModel(model, net.weights)


def _typed(name: str, value: Value, free: Mapping[str, TensorType]) -> ValueInfoProto:
    """Return the type of a value. Extents that depend on a free batch have its name, or are left open."""
    info = ValueInfoProto(name=name)
    info.type.tensor_type.elem_type = TYPES[value.dtype]
    info.type.tensor_type.shape.SetInParent()  # a scalar has a shape, too
    any_batch = free[value.name].shape if value.name in free else value.shape
    for extent, freely in zip(value.shape, any_batch, strict=True):
        dim = info.type.tensor_type.shape.dim.add()
        if freely == ANY:
            dim.dim_param = BATCH
        elif freely == extent:
            dim.dim_value = extent
    return info


def _origins(graph: Graph) -> str:
    found: Iterable[tuple[str, list[str]]] = ((node.name, [node.origin.path, node.origin.kind]) for node in graph.nodes)
    return json.dumps(dict(found))
