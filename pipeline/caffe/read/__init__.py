"""From Caffe's layers to the neutral graph. One file a family, one function a layer type; importing registers them."""

from pipeline.caffe.read import (
    convolution,
    data,
    detection,
    elementwise,
    linear,
    loss,
    neuron,
    normalization,
    pooling,
    priors,
    proposal,
    python,
    recurrent,
    reduction,
    shape,
    unpooling,
    yolo,
)
from pipeline.caffe.read.network import inputs, outline, part, read, unsupported
from pipeline.caffe.read.reader import READS

__all__ = [
    "READS",
    "convolution",
    "data",
    "detection",
    "elementwise",
    "inputs",
    "linear",
    "loss",
    "neuron",
    "normalization",
    "outline",
    "part",
    "pooling",
    "priors",
    "proposal",
    "python",
    "read",
    "recurrent",
    "reduction",
    "shape",
    "unpooling",
    "unsupported",
    "yolo",
]
