"""Networks as people wrote them, made ready to be judged: narrower, with inputs of a size, and with seeded weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from unittest import mock

import numpy as np
from google.protobuf.json_format import MessageToDict

from pipeline.caffe import files
from pipeline.caffe.files import CaffeNet
from pipeline.caffe.read import outline, part, read
from pipeline.caffe.read.layer import LayerReader, kind
from pipeline.caffe.read.weights import Weights
from pipeline.caffe.schema import LayerParameter, NetParameter
from pipeline.errors import PipelineError, UsageError
from pipeline.graph.values import Graph, Shape
from tests.caffe.forks import FORKS

Arrays = dict[str, tuple[np.ndarray, ...]]
# What an image may be where the prototxt does not say it; the first that the network takes is taken.
IMAGES = ((1, 1, 28, 28), (1, 3, 32, 32), (1, 3, 224, 224), (1, 3, 227, 227), (1, 1, 64, 64), (1, 6, 224, 224))
BATCH = 2  # items of a batch, at most
WIDE, NARROWER = 64, 4  # from how many outputs on a layer is made narrower, and by how much


@dataclass(frozen=True, slots=True)
class Prepared:
    """A network that was read: with weights, the layers that stayed, its graph, and arrays to feed, by blob."""

    net: CaffeNet
    layers: Sequence[LayerParameter]
    graph: Graph
    inputs: Mapping[str, np.ndarray]
    notes: Sequence[str] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """The blobs that the conversion declares as outputs."""
        return tuple(value.name for value in self.graph.outputs)

    def judged(self) -> CaffeNet:
        """Return the layers between inputs and outputs, for a real Caffe; those of forks are Python layers there."""
        layers, wanted = [], set(self.outputs)
        for layer in reversed(self.layers):
            if wanted & (set(layer.top) - (self.inputs.keys() - set(layer.bottom))):
                layers.append(layer)
                wanted |= set(layer.bottom)
        judged = NetParameter(name="judged")
        for name, array in self.inputs.items():
            given = judged.layer.add(name=f"input {name}", type="Input", top=[name])
            given.input_param.shape.add().dim.extend(array.shape)
        axes = max(array.ndim for array in self.inputs.values())
        variant = " of TextBoxes" if any("TextBoxes" in note for note in self.notes) else ""
        for layer in reversed(layers):
            judged.layer.append(_for_caffe(layer, self.net.blobs.get(layer.name, ()), axes, variant))
        names: set[str] = set()
        for layer in judged.layer:  # weights are those of the first of one name
            layer.name = layer.name if layer.name not in names else f"{layer.name} of {layer.top[0]} {len(names)}"
            names.add(layer.name)
        return CaffeNet(judged, {name: arrays for name, arrays in self.net.blobs.items() if name in names})


def prepare(prototxt: Path, *, cut: bool, gain: float = 1) -> Prepared:
    """Read a network with seeded weights and inputs, narrower where it can be; errors as those of `read`.

    `gain` is what keeps numbers as large as they are in a layer with a ReLU, times this.
    """
    net = files.read_pair(prototxt)
    try:
        narrow = _narrowed(net)
        return _prepared(narrow, cut, gain)
    except PipelineError:
        return _prepared(net, cut, gain)


def _prepared(net: CaffeNet, cut: bool, gain: float) -> Prepared:
    options = {"cut": ("auto",)} if cut else {}
    shapes = _few(net, _shapes(net, options), options)
    filled = replace(net, blobs=_weights(net, shapes, options, gain))
    notes: list[str] = []
    graph = read(filled, shapes, notes=notes, **options)
    generator = np.random.default_rng(0)
    feeds = {value.name: _feed(generator, value.name, value.shape) for value in graph.inputs}
    return Prepared(filled, part(filled, shapes, **options).layers, graph, feeds, notes)


def _feed(generator: np.random.Generator, name: str, shape: Shape) -> np.ndarray:
    if "im_info" in name:
        return np.resize(np.array([600, 800, 1], np.float32), shape)
    if name == "rois":  # regions of the first image: its index, then left, top, right, bottom
        corners = np.sort(generator.integers(0, 200, (shape[0], 2, 2)), axis=1).reshape(shape[0], 4)
        return np.hstack([np.zeros((shape[0], 1)), corners]).astype(np.float32).reshape(shape)
    if "cont" in name or "clip" in name:  # of a recurrent layer: 0 begins a sequence
        return np.ones(shape, np.float32)
    return generator.standard_normal(shape).astype(np.float32)


def _shapes(net: CaffeNet, options: Mapping[str, Sequence[str]]) -> dict[str, Shape]:
    """Guess the shapes that the prototxt does not say: the first of IMAGES for which every layer fits."""
    tried: dict[str, Shape] = {}
    for image in IMAGES:
        tried = {}
        while (missing := _missing(net, tried, options)) is not None:
            tried[missing] = image
        if not _faulty(net, tried, options):
            break
    return tried


def _few(net: CaffeNet, shapes: Mapping[str, Shape], options: Mapping[str, Sequence[str]]) -> Mapping[str, Shape]:
    """Make batches smaller, for time, where every layer fits still."""
    with mock.patch.object(Weights, "take", _ones):
        inputs = outline(net, shapes, **options)[0].inputs
    fewer = {value.name: (BATCH, *value.shape[1:]) for value in inputs if value.rank > 1 and value.shape[0] > BATCH}
    return shapes if _faulty(net, {**shapes, **fewer}, options) else {**shapes, **fewer}


def _missing(net: CaffeNet, shapes: Mapping[str, Shape], options: Mapping[str, Sequence[str]]) -> str | None:
    try:
        with mock.patch.object(Weights, "take", _ones):
            read(net, shapes, **options)
    except UsageError as error:
        return error.advice.removeprefix("--input ").partition("=")[0] if "--input" in error.advice else None
    except PipelineError:
        pass
    return None


def _faulty(net: CaffeNet, shapes: Mapping[str, Shape], options: Mapping[str, Sequence[str]]) -> bool:
    with mock.patch.object(Weights, "take", _ones):
        try:
            read(net, shapes, **options)
        except UsageError:
            return False
        except PipelineError as error:
            return error.exit_code == 5
    return False


def _weights(net: CaffeNet, shapes: Mapping[str, Shape], options: Mapping[str, Sequence[str]], gain: float) -> Arrays:
    """Return seeded weights, of the shapes that the readers ask for, by layer."""
    found: Arrays = {}
    with mock.patch.object(Weights, "take", _seeded(found, gain)):
        outline(net, shapes, **options)
    return found


def _ones(weights: Weights, layer: LayerReader, *shapes: Shape, exact: bool = True) -> tuple[np.ndarray, ...]:
    """Stand in for Weights.take where only shapes matter."""
    for shape in shapes:
        layer.check_size(shape)
    return tuple(np.broadcast_to(np.float32(1), shape) for shape in shapes)


def _seeded(found: Arrays, gain: float):  # noqa: ANN202 - a stand-in for Weights.take
    def take(weights: Weights, layer: LayerReader, *shapes: Shape, exact: bool = True) -> tuple[np.ndarray, ...]:
        for shape in shapes:
            layer.check_size(shape)
        if layer.name not in found:
            found[layer.name] = tuple(_parameters(layer, shapes, gain))
        return found[layer.name]

    return take


def _parameters(layer: LayerReader, shapes: Sequence[Shape], gain: float) -> list[np.ndarray]:
    """Return numbers that keep activations about as large as they come."""
    generator = np.random.default_rng(sum(map(ord, layer.name)))
    arrays = [generator.standard_normal(shape).astype(np.float32) for shape in shapes]
    if layer.type == "BatchNorm":
        arrays[0] *= 0.1
        arrays[1] = 1 + 0.1 * np.abs(arrays[1])
        arrays[2][...] = 1
    elif layer.type in ("Scale", "BN", "Normalize", "PReLU"):
        arrays[0] = (0.25 if layer.type == "PReLU" else 1) + 0.1 * arrays[0]
        arrays[1:3] = [0.1 * array for array in arrays[1:3]]
        arrays[3:] = [1 + 0.1 * np.abs(array) for array in arrays[3:]]
    elif shapes and len(shapes[0]) > 1:
        fan_in = prod(shapes[0][1:])
        arrays = [arrays[0] * np.float32(gain * np.sqrt(2 / fan_in)), *(0.1 * array for array in arrays[1:])]
    return [np.asarray(array, np.float32) for array in arrays]


def _narrowed(net: CaffeNet) -> CaffeNet:
    """Divide the outputs of wide layers, so that a network takes a sixteenth of the time."""
    narrow = NetParameter()
    narrow.CopyFrom(net.net)
    for layer in narrow.layer:
        for name in ("convolution_param", "inner_product_param"):
            fields = getattr(layer, name)
            if not layer.HasField(name) or fields.num_output < WIDE or fields.num_output % (2 * NARROWER):
                continue
            if name == "convolution_param" and fields.group > 1:
                if fields.group != fields.num_output:
                    continue
                fields.group //= NARROWER
            fields.num_output //= NARROWER
    return replace(net, net=narrow)


def _for_caffe(layer: LayerParameter, blobs: Sequence[np.ndarray], axes: int, variant: str) -> LayerParameter:
    """Return a layer as Caffe 1.0 takes it: what a fork made is a Python layer, with its fields and blobs' shapes."""
    plain = LayerParameter()
    plain.CopyFrom(layer)
    for name in ("include", "exclude", "phase", "loss_weight", "propagate_down", "unknown"):
        if name in plain.DESCRIPTOR.fields_by_name:
            plain.ClearField(name)
    for field, value in plain.ListFields():  # of one that has no cuDNN
        if field.message_type and not field.is_repeated and "engine" in field.message_type.fields_by_name:
            value.ClearField("engine")
    plain.type = "Convolution" if layer.type in ("ConvolutionDepthwise", "DepthwiseConvolution") else layer.type
    fork = FORKS.get(kind(layer) + variant) or FORKS.get(kind(layer))
    if fork is None or not fork.applies(MessageToDict(layer, preserving_proto_field_name=True), axes):
        return plain
    python = LayerParameter(name=layer.name, type="Python", bottom=layer.bottom, top=layer.top)
    python.python_param.module, python.python_param.layer = "caffe_fork_layer", "ForkLayer"
    fields = MessageToDict(layer, preserving_proto_field_name=True)
    known = kind(layer) + variant
    described = {
        "type": known if known in FORKS else kind(layer),
        "fields": fields,
        "blobs": [array.shape for array in blobs],
    }
    python.python_param.param_str = json.dumps(described)
    return python
