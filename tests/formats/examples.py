"""An example of each format, for the tests that hold every one of them to what a format is.

A new format adds its own here: a small network of it, and one with two parts that nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.caffe.format import CAFFE
from pipeline.caffe2.format import CAFFE2
from pipeline.graph.format import Format, Source
from pipeline.graph.neutral import GRAPH
from pipeline.onnx.format import ONNX
from pipeline.torch7.format import TORCH7
from tests.support import numbers
from tests.torch7.writer import nn, save, sequential
from tests.verification.nets import network

SHAPE = "2x3x8x8"  # of what the examples take
UNKNOWN = ("OddOne", "OddOther")


@dataclass(frozen=True, slots=True)
class Example:
    """What makes a network in a folder, and one of which two parts are UNKNOWN."""

    network: Callable[[Path], Source]
    unknown: Callable[[Path], Source]


def written(known: Format) -> Callable[[Path], Source]:
    """Return what writes the small network in a format."""

    def write(folder: Path) -> Source:
        return Source(known.write(network(), folder).files, (SHAPE,))

    return write


def torch7(folder: Path) -> Source:
    """Save a convolution and a threshold."""
    weight, bias = numbers(4, 3, 3, 3).astype(np.float64), numbers(4).astype(np.float64)
    sizes = {"nInputPlane": 3, "nOutputPlane": 4, "kW": 3, "kH": 3, "dW": 1, "dH": 1, "padW": 1, "padH": 1}
    net = sequential(nn("SpatialConvolution", weight=weight, bias=bias, **sizes), nn("Tanh"))
    return Source({"t7": save(folder / "net.t7", net)}, (SHAPE,))


def odd_torch7(folder: Path) -> Source:
    """Save two modules of classes that nobody knows."""
    return Source({"t7": save(folder / "odd.t7", sequential(*(nn(kind) for kind in UNKNOWN)))}, (SHAPE,))


def odd_graph(folder: Path) -> Source:
    """Write a graph and rename two of its operators."""
    return _renamed(written(GRAPH)(folder), {"LeakyRelu": UNKNOWN[0], "Flatten": UNKNOWN[1]})


def odd_caffe(folder: Path) -> Source:
    """Write a pair and rename the types of two layers."""
    return _renamed(written(CAFFE)(folder), {"ReLU": UNKNOWN[0], "Flatten": UNKNOWN[1]})


def odd_caffe2(folder: Path) -> Source:
    """Write a pair of NetDefs, and rename two operators in the text of the first."""
    from pipeline.caffe2.files import read_net

    source = written(CAFFE2)(folder)
    net = read_net(source.path)
    for operator, kind in zip((op for op in net.op if op.type in ("LeakyRelu", "Softmax")), UNKNOWN, strict=True):
        operator.type = kind
    source.path.write_bytes(net.SerializeToString(deterministic=True))
    return source


def odd_onnx(folder: Path) -> Source:
    """Write a model, and rename two of its operators."""
    from pipeline.onnx.files import read_model, write_model

    source = written(ONNX)(folder)
    model = read_model(source.path)
    for node, kind in zip(
        (n for n in model.proto.graph.node if n.op_type in ("Gemm", "Softmax")), UNKNOWN, strict=True
    ):
        node.op_type = kind
    (folder / "odd").mkdir()
    write_model(model, folder / "odd" / source.path.name)
    return Source({ONNX.name: folder / "odd" / source.path.name}, (SHAPE,))


def _renamed(source: Source, kinds: Mapping[str, str]) -> Source:
    text = source.path.read_text()
    for before, after in kinds.items():
        assert f'"{before}"' in text
        text = text.replace(f'"{before}"', f'"{after}"')
    source.path.write_text(text)
    return source


EXAMPLES: Mapping[str, Example] = {
    TORCH7.name: Example(torch7, odd_torch7),
    GRAPH.name: Example(written(GRAPH), odd_graph),
    CAFFE.name: Example(written(CAFFE), odd_caffe),
    CAFFE2.name: Example(written(CAFFE2), odd_caffe2),
    ONNX.name: Example(written(ONNX), odd_onnx),
}
