"""The fillers with which Caffe initialises parameters that the file of weights lacks, unless they are random."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from pipeline.caffe.schema import FillerParameter
from pipeline.graph.values import Shape

if TYPE_CHECKING:
    from pipeline.caffe.blobs import Array
    from pipeline.caffe.schema import LayerParameter

_WEIGHTED = (("weight_filler", 0.0), ("bias_filler", 0.0))
# By type of layer: the message with its fillers, and for each blob the field of its filler and the default filler.
_FIELDS: dict[str, tuple[str, tuple[tuple[str, float], ...]]] = {
    "Bias": ("bias_param", (("filler", 0.0),)),
    "Convolution": ("convolution_param", _WEIGHTED),
    "ConvolutionDepthwise": ("convolution_param", _WEIGHTED),
    "Deconvolution": ("convolution_param", _WEIGHTED),
    "DepthwiseConvolution": ("convolution_param", _WEIGHTED),
    "Embed": ("embed_param", _WEIGHTED),
    "InnerProduct": ("inner_product_param", _WEIGHTED),
    "Normalize": ("norm_param", (("scale_filler", 1.0),)),
    "PReLU": ("prelu_param", (("filler", 0.25),)),
    "Scale": ("scale_param", (("filler", 1.0), ("bias_filler", 0.0))),
}


def fillers(layer: LayerParameter) -> tuple[FillerParameter, ...]:
    """Return the filler of each blob of a layer; empty if the prototxt names no filler.

    A net without any fillers most likely has its weights in another file, so that the defaults are not meant.
    """
    if layer.type not in _FIELDS:
        return ()
    name, fields = _FIELDS[layer.type]
    if layer.type == "Scale" and len(layer.bottom) == 2:
        fields = fields[1:]  # the factor is the second bottom, not a blob
    message = getattr(layer, name)
    if not any(message.HasField(field) for field, _ in fields):
        return ()
    return tuple(
        getattr(message, field) if message.HasField(field) else FillerParameter(value=default)
        for field, default in fields
    )


def filled(filler: FillerParameter, shape: Shape) -> Array | None:
    """Return the numbers of a blob; None if they are random or the filler is unknown (filler.hpp).

    Repetitions of a number or a window are a view, which takes no memory.
    """
    if filler.type == "constant":
        return np.broadcast_to(np.float32(filler.value), shape)
    if filler.type == "bilinear" and len(shape) == 4 and shape[2] == shape[3]:
        half = ceil(shape[3] / 2)
        centre = (2 * half - 1 - half % 2) / (2 * half)
        weights = 1 - np.abs(np.arange(shape[3]) / half - centre)
        return np.broadcast_to(np.outer(weights, weights).astype(np.float32), shape)
    return None
