"""Writes a graph as a net of BVLC Caffe 1.0: each node by its writer, with all problems collected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.caffe.files import CaffeNet
from pipeline.caffe.schema import LayerParameter, NetParameter, ParamSpec
from pipeline.caffe.write.builder import WRITES, CaffeBuilder, Layer, Parameter
from pipeline.graph.values import Graph, Shape


@dataclass(frozen=True, slots=True, eq=False)
class Emission:
    """A net, comments for its layers, and the blobs of the graph's inputs and outputs in the order of the graph.

    Caffe itself returns its outputs in alphabetical order.
    """

    net: CaffeNet
    comments: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def emit(graph: Graph) -> Emission:
    """Return a graph as a Caffe net.

    Weights are views of those of the graph. Weights in several layers are shared by the name in their `param`. Raises
    UnsupportedError with everything that Caffe 1.0 cannot express exactly.
    """
    _, builder = WRITES.write(graph, CaffeBuilder)
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
    """Return the name under which a parameter is shared. Those of BatchNorms, which have a fixed rate, are separate."""
    return f"{parameter.source}_statistics" if layer.kind == "BatchNorm" else parameter.source


def _shared(layers: Sequence[Layer]) -> dict[str, bool]:
    """Return the weights that several parameters share, and whether all have the same shape."""
    shapes: dict[str, list[Shape]] = {}
    for layer in layers:
        for parameter in layer.parameters:
            if parameter.source:
                shapes.setdefault(_key(layer, parameter), []).append(parameter.shape)
    return {key: len(set(held)) == 1 for key, held in shapes.items() if len(held) > 1}


def _specs(layer: Layer, shared: Mapping[str, bool]) -> list[ParamSpec]:
    """Return the specs that name shared parameters. If shapes differ, only the sizes must be equal (PERMISSIVE)."""
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
