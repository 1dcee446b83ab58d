"""Layers without bottoms: the network's inputs, constants, and parameters by themselves."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np

from pipeline.caffe.read.layer import LayerReader
from pipeline.caffe.read.reader import CaffeReader, reads
from pipeline.graph.values import Shape, Value

_MESSAGES = ("data_param", "image_data_param", "window_data_param", "memory_data_param", "hdf5_data_param")


@reads("Input")
def input_(layer: LayerReader, net: CaffeReader) -> None:
    """An input a top; one shape for all of them, or one each."""
    layer.take(0)
    shapes = layer.param("input_param").shapes("shape")
    if len(shapes) not in (0, 1, len(layer.tops)):
        layer.invalid(f"{len(shapes)} shapes for {len(layer.tops)} tops")
    for i, top in enumerate(layer.tops):
        net.data(layer, top, shapes[i if len(shapes) > 1 else 0] if shapes else None)


@reads("Data", "VideoData", "ImageData", "WindowData", "MemoryData", "HDF5Data", "AnnotatedData")
def source(layer: LayerReader, net: CaffeReader) -> None:
    """Images and labels from files, databases or the program: the network's inputs.

    How they are read and changed is for the caller, who is told. Shapes are those of the batches where the fields
    of the layer say them (data_transformer.cpp, image_data_layer.cpp; annotated_data_layer.cpp of SSD).
    """
    layer.leave_all()
    layer.take(0)
    shapes = (_images(layer), _labels(layer))
    for top, shape in zip_longest(layer.tops, shapes[: len(layer.tops)]):
        net.data(layer, top, shape)
    names = ("transform_param", *_MESSAGES)
    changes = [layer.changes(each, ("scale", "mean_file", "mean_value")) for each in names]
    if any(changes):
        net.notes.append(f"{layer}: the network takes images already changed by {', '.join(filter(None, changes))}")


def _labels(layer: LayerReader) -> Shape | None:
    batch = _first(layer, "batch_size")
    return (batch,) if batch else None


def _images(layer: LayerReader) -> Shape | None:
    """Return the shape of a batch of images; None if the fields do not determine it."""
    transform = layer.param("transform_param")
    crop = transform.int("crop_size") or _first(layer, "crop_size")
    sizes = [
        crop or _first(layer, f"new_{name}") or layer.resized(name) or _first(layer, name)
        for name in ("height", "width")
    ]
    shape = (_first(layer, "batch_size"), _channels(layer), *sizes)
    return shape if all(shape) else None


def _channels(layer: LayerReader) -> int:
    """Return the number of channels of the images; 0 if it is unknown, since a database may hold any images."""
    transform = layer.param("transform_param")
    if layer.type == "ImageData":
        return 3 if layer.param("image_data_param").flag("is_color") else 1
    if layer.type == "WindowData" or transform.flag("force_color") or len(transform.floats("mean_value")) > 1:
        return 3
    return 1 if transform.flag("force_gray") else _first(layer, "channels")


def _first(layer: LayerReader, name: str) -> int:
    """Return the first number called `name` in the layer's messages for data layers; 0 if there is none."""
    messages = [layer.param(each) for each in _MESSAGES if layer.has(each)]
    return next((found for message in messages if (found := message.number(name))), 0)


@reads("DummyData")
def dummy_data(layer: LayerReader, net: CaffeReader) -> None:
    """Constants: a shape and a filler for all tops, or one each (dummy_data_layer.cpp)."""
    layer.take(0)
    fields, count = layer.param("dummy_data_param"), len(layer.tops)
    shapes: tuple[Shape, ...] = fields.shapes("shape")
    extents = [fields.ints(name) for name in ("num", "channels", "height", "width")]
    if not shapes:
        shapes = tuple(zip(*extents, strict=False))
    elif any(extents):
        layer.invalid("it has both shape and num")
    fillers = [(filler.type, filler.value) for filler in fields.fillers("data_filler")] or [("constant", 0.0)]
    if len(shapes) not in (1, count) or len(fillers) not in (1, count):
        layer.invalid(f"{len(shapes)} shapes and {len(fillers)} fillers for {count} tops")
    random = [kind for kind, _ in fillers if kind != "constant"]
    if random:
        layer.refuse(f"{random[0]} numbers are the same in no two runs", "dummy_data_param.data_filler")
    net.give(
        layer,
        *(
            _filled(layer, net, shapes[i % len(shapes)], fillers[i % len(fillers)][1], f"filled{i}")
            for i in range(count)
        ),
    )


def _filled(layer: LayerReader, net: CaffeReader, shape: Shape, number: float, part: str) -> Value:
    layer.check_size(shape)
    return net.weight(np.broadcast_to(np.float32(number), shape), part)


@reads("Parameter")
def parameter(layer: LayerReader, net: CaffeReader) -> None:
    """The layer's only blob."""
    layer.take(0)
    (array,) = net.parameters(layer, layer.param("parameter_param").dims("shape"))
    net.give(layer, net.weight(array, "w"))
