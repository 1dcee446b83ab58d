"""Upgrades networks of any age to the current form, as Caffe does on load (upgrade_proto.cpp).

V0 (2013) wraps each layer in a connection, and has one message with the fields of all types. V1 (2014) has an enum of
types. Fields that Caffe drops with a warning are refused here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.caffe.schema import LayerParameter, NetParameter, V1LayerParameter
from pipeline.errors import InvalidInputError, Problem, UnsupportedError

if TYPE_CHECKING:
    from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class _V0Type:
    """The current name of a V0 type, the message for its fields, and their names in it."""

    type: str
    param: str = ""
    fields: Mapping[str, str] | None = None


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_WEIGHTED = {**_same("num_output", "weight_filler", "bias_filler"), "biasterm": "bias_term"}
_WINDOW = {
    "det_fg_threshold": "fg_threshold",
    "det_bg_threshold": "bg_threshold",
    "det_fg_fraction": "fg_fraction",
    "det_context_pad": "context_pad",
    "det_crop_mode": "crop_mode",
}
_SOURCE = {"source": "source", "batchsize": "batch_size"}
_SLIDING = {"kernelsize": "kernel_size", **_same("pad", "stride")}
_IMAGES = {**_same("rand_skip", "new_height", "new_width"), "shuffle_images": "shuffle"}

_V0_TYPES = {
    "accuracy": _V0Type("Accuracy"),
    "bnll": _V0Type("BNLL"),
    "concat": _V0Type("Concat", "concat_param", _same("concat_dim")),
    "conv": _V0Type("Convolution", "convolution_param", {**_WEIGHTED, **_SLIDING, **_same("group")}),
    "data": _V0Type("Data", "data_param", {**_SOURCE, **_same("rand_skip")}),
    "dropout": _V0Type("Dropout", "dropout_param", _same("dropout_ratio")),
    "euclidean_loss": _V0Type("EuclideanLoss"),
    "flatten": _V0Type("Flatten"),
    "hdf5_data": _V0Type("HDF5Data", "hdf5_data_param", _SOURCE),
    "hdf5_output": _V0Type("HDF5Output"),
    "im2col": _V0Type("Im2col"),
    "images": _V0Type("ImageData", "image_data_param", {**_SOURCE, **_IMAGES}),
    "infogain_loss": _V0Type("InfogainLoss", "infogain_loss_param", _same("source")),
    "innerproduct": _V0Type("InnerProduct", "inner_product_param", _WEIGHTED),
    "lrn": _V0Type("LRN", "lrn_param", _same("local_size", "alpha", "beta", "k")),
    "multinomial_logistic_loss": _V0Type("MultinomialLogisticLoss"),
    "pool": _V0Type("Pooling", "pooling_param", {**_SLIDING, **_same("pool")}),
    "relu": _V0Type("ReLU"),
    "sigmoid": _V0Type("Sigmoid"),
    "softmax": _V0Type("Softmax"),
    "softmax_loss": _V0Type("SoftmaxWithLoss"),
    "split": _V0Type("Split"),
    "tanh": _V0Type("TanH"),
    "window_data": _V0Type("WindowData", "window_data_param", {**_SOURCE, **_WINDOW}),
}
_V0_TRANSFORM = {"scale": "scale", "meanfile": "mean_file", "cropsize": "crop_size", "mirror": "mirror"}
_V0_KEPT = {"name", "type", "blobs_lr", "weight_decay", "blobs", "hdf5_output_param"}

# The current names of V1LayerParameter.LayerType that are not just its words joined and capitalised.
_V1_SPELLING = {
    "NONE": "",
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "BNLL": "BNLL",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "IM2COL": "Im2col",
    "LRN": "LRN",
    "MVN": "MVN",
    "RELU": "ReLU",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
}
_V1_CHANGED = {"type", "unknown", "param", "blob_share_mode", "blobs_lr", "weight_decay", "layer"}
_V1_DATA = {"Data": "data_param", "ImageData": "image_data_param", "WindowData": "window_data_param"}


def upgrade(net: NetParameter) -> NetParameter:
    """Return the network in the current form: layers in `layer`, with types by name, and inputs as Input layers.

    Raises InvalidInputError if the net mixes forms or its inputs are inconsistent, UnsupportedError with every field of
    an old layer that its type does not have.
    """
    if net.layer and net.layers:
        raise InvalidInputError("the network mixes layers of the current form and of the V1 form")
    upgraded = NetParameter()
    upgraded.CopyFrom(net)
    upgraded.ClearField("layers")
    if any(layer.HasField("layer") for layer in net.layers):
        upgraded.layer.extend(_v0_layers(net))
    else:
        upgraded.layer.extend(_v1_layer(layer) for layer in net.layers)
    _spread_batch_norm(upgraded)
    return _input_layer(upgraded)


def _v1_layer(old: V1LayerParameter) -> LayerParameter:
    types = [field.text for field in old.unknown if field.path == "type"]
    layer = LayerParameter(type=types[0] if types else _v1_type(old.type))
    for field, value in old.ListFields():
        if field.name not in _V1_CHANGED:
            _put(layer, field.name, value)
    layer.unknown.extend(field for field in old.unknown if field.path != "type")
    _params(layer, old.param, old.blob_share_mode, old.blobs_lr, old.weight_decay)
    if layer.type in _V1_DATA and layer.HasField(_V1_DATA[layer.type]):  # type: ignore[arg-type]
        _move(getattr(layer, _V1_DATA[layer.type]), layer.transform_param)
    return layer


def _v1_type(value: V1LayerParameter.LayerType.ValueType) -> str:
    name = V1LayerParameter.LayerType.Name(value)
    return _V1_SPELLING.get(name, name.title().replace("_", ""))


def _params(
    layer: LayerParameter,
    names: Iterable[str],
    modes: Iterable[Any],
    rates: Iterable[float],
    decays: Iterable[float],
) -> None:
    """Combine the lists of properties of all blobs into a ParamSpec for each blob."""
    for field, values in (("name", names), ("share_mode", modes), ("lr_mult", rates), ("decay_mult", decays)):
        for index, value in enumerate(values):
            if index == len(layer.param):
                layer.param.add()
            setattr(layer.param[index], field, value)


def _move(data: Message, transform: Message) -> None:
    """Move the transformations of an old data layer to their current message."""
    for name in ("scale", "mean_file", "crop_size", "mirror"):
        if data.HasField(name):
            setattr(transform, name, getattr(data, name))
            data.ClearField(name)


def _v0_layers(net: NetParameter) -> list[LayerParameter]:
    """Return V0 layers in the current form. A padding layer is replaced by pads of the layers that read it."""
    problems: list[Problem] = []
    layers = []
    maker: dict[str, V1LayerParameter] = {}
    for connection in net.layers:
        if connection.layer.type != "padding":
            layer = _v0_layer(connection, problems)
            for index, bottom in enumerate(connection.bottom):
                source = maker.get(bottom)
                if source is not None and source.layer.type == "padding":
                    _fold_padding(layer, index, source)
            layers.append(layer)
        maker.update(dict.fromkeys(connection.top, connection))
    if problems:
        raise UnsupportedError(tuple(problems))
    return layers


def _v0_layer(connection: V1LayerParameter, problems: list[Problem]) -> LayerParameter:
    old = connection.layer
    known = _V0_TYPES.get(old.type)
    layer = LayerParameter(name=old.name, bottom=connection.bottom, top=connection.top, blobs=old.blobs)
    _params(layer, (), (), old.blobs_lr, old.weight_decay)
    if known is None:
        problems.append(Problem(f"layer {old.name}", f"V0 has no type {old.type!r}"))
        return layer
    layer.type = known.type
    if old.HasField("hdf5_output_param"):
        layer.hdf5_output_param.CopyFrom(old.hdf5_output_param)
    for field, value in old.ListFields():
        if field.name in (known.fields or {}):
            _put(getattr(layer, known.param), (known.fields or {})[field.name], value)
        elif field.name in _V0_TRANSFORM:
            _put(layer.transform_param, _V0_TRANSFORM[field.name], value)
        elif field.name not in _V0_KEPT:
            problems.append(Problem(f"layer {old.name}", f"{old.type} has no field {field.name}"))
    return layer


def _fold_padding(layer: LayerParameter, index: int, padding: V1LayerParameter) -> None:
    ends = (len(layer.bottom), len(padding.bottom), len(padding.top))
    if layer.type not in ("Convolution", "Pooling") or ends != (1, 1, 1):
        raise InvalidInputError(
            "a padding layer must lead to one convolution or pooling",
            where=f"layer {padding.layer.name}, read by {layer.name}",
        )
    layer.bottom[index] = padding.bottom[0]
    if layer.type == "Convolution":
        layer.convolution_param.pad[:] = [padding.layer.pad]
    else:
        layer.pooling_param.pad = padding.layer.pad


def _spread_batch_norm(net: NetParameter) -> None:
    """Set the learning rates of a BatchNorm's three blobs to 0, since they are statistics, if they are listed."""
    for layer in net.layer:
        if layer.type == "BatchNorm" and len(layer.param) == 3:
            for param in layer.param:
                param.lr_mult = param.decay_mult = 0


def _input_layer(net: NetParameter) -> NetParameter:
    """Replace `input` and `input_shape` or `input_dim` by an Input layer at the front, with the name "input"."""
    if not net.input:
        if net.input_shape or net.input_dim:
            raise InvalidInputError("the network gives the shapes of inputs without their names")
        return net
    shapes = [tuple(shape.dim) for shape in net.input_shape]
    shapes = shapes or [tuple(net.input_dim[i : i + 4]) for i in range(0, len(net.input_dim), 4)]
    # Without any shape Caffe ignores such a blob, but here the user may give its shape.
    if shapes and (len(shapes) != len(net.input) or (not net.input_shape and len(net.input_dim) % 4)):
        raise InvalidInputError(
            f"the network has {len(net.input)} inputs and {len(shapes)} shapes for them",
            why="there must be one input_shape, or four input_dim, an input",
        )
    layer = LayerParameter(name="input", type="Input", top=net.input)
    layer.input_param.SetInParent()
    for shape in shapes:
        layer.input_param.shape.add().dim.extend(shape)
    upgraded = NetParameter()
    upgraded.CopyFrom(net)
    for name in ("input", "input_shape", "input_dim", "layer"):
        upgraded.ClearField(name)
    upgraded.layer.extend([layer, *net.layer])
    return upgraded


def _put(message: Message, name: str, value: Any) -> None:  # noqa: ANN401 - whatever the field holds
    """Set a field to the value of a field of another message: a scalar, a message, or a list of either."""
    target = getattr(message, name)
    if hasattr(value, "CopyFrom"):
        target.CopyFrom(value)
    elif hasattr(target, "extend"):
        target.extend(value if hasattr(value, "extend") else [value])
    else:
        setattr(message, name, value)
