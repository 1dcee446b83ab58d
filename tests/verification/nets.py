"""A small network, in memory and in every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.graph import serialization
from pipeline.graph.builder import Builder
from pipeline.graph.values import Graph, Origin
from pipeline.verification import export


def network(*, slope: float = 0.1, seed: int = 0, name: str = "small", relu: str = "act", extra: bool = False) -> Graph:
    """Conv, (Tanh,) LeakyRelu, MaxPool, Flatten, Gemm, LogSoftmax."""
    numbers = np.random.default_rng(seed)
    net = Builder(name)
    x = net.input("data", (2, 3, 8, 8))
    with net.at("conv", Origin("1.conv", "Convolution")):
        weight = net.weight(numbers.standard_normal((4, 3, 3, 3), np.float32))
        x = net.add("Conv", x, weight, kernel_shape=(3, 3), pads=(1, 1, 1, 1), strides=(1, 1), dilations=(1, 1))
    if extra:
        with net.at("extra", Origin("1.extra", "Tanh")):
            x = net.add("Tanh", x)
    with net.at(relu, Origin("1.act", "ReLU")):
        x = net.add("LeakyRelu", x, alpha=slope)
    with net.at("pool", Origin("2", "Pooling")):
        x = net.add("MaxPool", x, kernel_shape=(2, 2), strides=(2, 2), pads=(0, 0, 0, 0), dilations=(1, 1))
    with net.at("rows", Origin("3", "Flatten")):
        x = net.add("Flatten", x, axis=1)
    with net.at("ip", Origin("4", "InnerProduct")):
        weight = net.weight(numbers.standard_normal((5, 64), np.float32))
        bias = net.weight(numbers.standard_normal(5, np.float32), "bias")
        x = net.add("Gemm", x, weight, bias, transB=1)
    with net.at("prob", Origin("5", "Softmax")):
        x = net.add("Softmax", x, axis=1)
    return net.finish([x])


def saved(graph: Graph, folder: Path) -> Path:
    """Write a graph as all the files of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = tuple(np.zeros(value.shape, np.float32) for value in graph.inputs)
    outputs = tuple(np.zeros(value.shape, np.float32) for value in graph.outputs)
    assert export.write(export.Piece(graph, arrays, outputs), folder) == ()
    assert serialization.read(folder).outputs == graph.outputs
    return folder
