"""Reads Caffe's layers into the graph: a file for each family of layers, a function for each type of layer.

Importing the package registers all of them.
"""

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
    regions,
    shape,
    unpooling,
    yolo,
)
from pipeline.caffe.read.network import inputs, outline, part, read
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
    "regions",
    "shape",
    "unpooling",
    "yolo",
]
