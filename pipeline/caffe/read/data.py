"""Layers without bottoms: the network's inputs, constants, and parameters by themselves."""

from __future__ import annotations

import numpy as np

from pipeline.caffe.read.layer import Layer
from pipeline.caffe.read.reader import CaffeReader, reads
from pipeline.graph.values import Shape, Value


@reads("Input")
def input_(layer: Layer, net: CaffeReader) -> None:
    """An input a top; one shape for all of them, or one each."""
    layer.take(0)
    shapes = layer.param("input_param").shapes("shape")
    if len(shapes) not in (0, 1, len(layer.tops)):
        layer.invalid(f"{len(shapes)} shapes for {len(layer.tops)} tops")
    for i, top in enumerate(layer.tops):
        net.data(layer, top, shapes[i if len(shapes) > 1 else 0] if shapes else None)


@reads("Data", "VideoData")
def data(layer: Layer, net: CaffeReader) -> None:
    """Images and labels from a database: the network's inputs."""
    fields, transform = layer.param("data_param"), layer.param("transform_param")
    crop = transform.int("crop_size") or fields.int("crop_size")
    channels = 3 if transform.flag("force_color") else 1 if transform.flag("force_gray") else 0
    images = (fields.int("batch_size"), channels, crop, crop)
    _bring(layer, net, images if all(images) else None, "data_param")


@reads("ImageData")
def image_data(layer: Layer, net: CaffeReader) -> None:
    """Images and labels from files: the network's inputs."""
    fields = layer.param("image_data_param")
    crop = layer.param("transform_param").int("crop_size") or fields.int("crop_size")
    height, width = (crop or fields.int(name) for name in ("new_height", "new_width"))
    images = (fields.int("batch_size"), 3 if fields.flag("is_color") else 1, height, width)
    _bring(layer, net, images if all(images) else None, "image_data_param")


@reads("WindowData")
def window_data(layer: Layer, net: CaffeReader) -> None:
    """Windows of images and labels: the network's inputs."""
    fields = layer.param("window_data_param")
    crop = layer.param("transform_param").int("crop_size") or fields.int("crop_size")
    images = (fields.int("batch_size"), 3, crop, crop)
    _bring(layer, net, images if all(images) else None, "window_data_param")


@reads("MemoryData")
def memory_data(layer: Layer, net: CaffeReader) -> None:
    """Arrays and labels from the program: the network's inputs."""
    fields = layer.param("memory_data_param")
    images = tuple(fields.int(name) for name in ("batch_size", "channels", "height", "width"))
    _bring(layer, net, images if all(images) else None, "memory_data_param")


@reads("HDF5Data")
def hdf5_data(layer: Layer, net: CaffeReader) -> None:
    """Datasets of a file: the network's inputs, whose shapes only the file has."""
    layer.leave("hdf5_data_param", "transform_param")
    for top in layer.tops:
        net.data(layer, top, None)


def _bring(layer: Layer, net: CaffeReader, images: Shape | None, name: str) -> None:
    """Declare images and labels; how they are read and changed is for the caller, who is told."""
    batch = layer.param(name).int("batch_size")
    shapes = (images, (batch,) if batch else None)
    if len(layer.tops) > 2:
        layer.refuse(f"{len(layer.tops)} tops; images and labels are known")
    for top, shape in zip(layer.tops, shapes, strict=False):
        net.data(layer, top, shape)
    changes = [layer.changes(each, ("scale", "mean_file", "mean_value")) for each in ("transform_param", name)]
    if any(changes):
        net.notes.append(f"{layer}: the network takes images already changed by {', '.join(filter(None, changes))}")
    layer.leave(name, "transform_param")


@reads("DummyData")
def dummy_data(layer: Layer, net: CaffeReader) -> None:
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


def _filled(layer: Layer, net: CaffeReader, shape: Shape, number: float, part: str) -> Value:
    layer.check_size(shape)
    return net.weight(np.broadcast_to(np.float32(number), shape), part)


@reads("Parameter")
def parameter(layer: Layer, net: CaffeReader) -> None:
    """The layer's only blob."""
    layer.take(0)
    (array,) = net.parameters(layer, layer.param("parameter_param").dims("shape"))
    net.give(layer, net.weight(array, "w"))
