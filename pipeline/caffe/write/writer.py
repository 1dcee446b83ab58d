"""A graph as a net of BVLC Caffe 1.0: every node by its writer, everything that cannot be written at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.caffe.files import CaffeNet
from pipeline.caffe.schema import LayerParameter, NetParameter, ParamSpec
from pipeline.caffe.write.builder import WRITES, CaffeBuilder, Layer, Parameter
from pipeline.errors import Problem, UnsupportedError
from pipeline.graph.expansions import expanded
from pipeline.graph.values import Graph, Shape


@dataclass(frozen=True, slots=True, eq=False)
class Emission:
    """A net, the comment that belongs above each layer, and the blobs of the graph's inputs and outputs in order.

    Caffe itself gives its outputs in alphabetical order.
    """

    net: CaffeNet
    comments: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def emit(graph: Graph) -> Emission:
    """Write a graph as a Caffe net.

    Weights are views of the graph's; those that several layers hold are shared by the name of their `param`.
    Raises UnsupportedError with everything that Caffe 1.0 cannot express exactly.
    """
    builder, problems = _built(graph)
    if problems:
        raise UnsupportedError(problems)
    outputs = builder.outputs()
    shared = _shared(builder.layers)
    net = NetParameter(name=graph.name)
    for value in graph.inputs:
        shape = {"dim": value.shape}
        net.layer.add(name=value.name, type="Input", top=[value.name], input_param={"shape": [shape]})
    net.layer.extend(_message(builder, layer, shared) for layer in builder.layers)
    return Emission(
        CaffeNet(net, {layer.name: _arrays(layer) for layer in builder.layers if layer.parameters}),
        {layer.name: layer.comment for layer in builder.layers if layer.comment},
        tuple(value.name for value in graph.inputs),
        tuple(builder.names[blob] for blob in outputs),
    )


def write(graph: Graph) -> CaffeNet:
    """Return the net of `emit`."""
    return emit(graph).net


def unsupported(graph: Graph) -> tuple[Problem, ...]:
    """List everything in the graph that Caffe 1.0 cannot express exactly; reads no weights but single numbers."""
    return _built(graph)[1]


def _built(graph: Graph) -> tuple[CaffeBuilder, tuple[Problem, ...]]:
    graph = expanded(graph, WRITES.has)
    builder = CaffeBuilder(graph)
    return builder, WRITES.write(graph, builder)


def _message(builder: CaffeBuilder, layer: Layer, shared: Mapping[str, bool]) -> LayerParameter:
    fields: dict[str, Any] = dict(layer.messages)
    return LayerParameter(
        name=layer.name,
        type=layer.kind,
        bottom=[builder.names[blob] for blob in layer.bottoms],
        top=[builder.names[blob] for blob in layer.tops],
        param=_specs(layer, shared),
        **fields,
    )


def _arrays(layer: Layer) -> tuple[Any, ...]:
    arrays = tuple(parameter.array() for parameter in layer.parameters)
    for array, parameter in zip(arrays, layer.parameters, strict=True):
        if array.shape != parameter.shape:
            raise ValueError(f"{layer.name} holds {array.shape} instead of {parameter.shape}")
    return arrays


def _key(layer: Layer, parameter: Parameter) -> str:
    """Name what is shared: Caffe fixes the learning rate of a BatchNorm's blobs, so these stay apart."""
    return f"{parameter.source}_statistics" if layer.kind == "BatchNorm" else parameter.source


def _shared(layers: Sequence[Layer]) -> dict[str, bool]:
    """Find the weights that several parameters hold, and whether all hold them in one shape."""
    shapes: dict[str, list[Shape]] = {}
    for layer in layers:
        for parameter in layer.parameters:
            if parameter.source:
                shapes.setdefault(_key(layer, parameter), []).append(parameter.shape)
    return {key: len(set(held)) == 1 for key, held in shapes.items() if len(held) > 1}


def _specs(layer: Layer, shared: Mapping[str, bool]) -> list[ParamSpec]:
    """Name the parameters that are shared; one whose shape differs between layers asks for equal sizes only."""
    keys = [_key(layer, parameter) for parameter in layer.parameters]
    if not any(key in shared for key in keys):
        return []
    specs = [ParamSpec(lr_mult=0) if layer.kind == "BatchNorm" else ParamSpec() for _ in keys]
    for key, spec in zip(keys, specs, strict=True):
        if key in shared:
            spec.name = key
            if not shared[key]:
                spec.share_mode = ParamSpec.PERMISSIVE
    return specs
