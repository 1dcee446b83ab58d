"""Eleven networks that caffe_translator, of Caffe2 itself, translates without a word into ones with other numbers.

Each case says what it does instead. What is right is written here, number by number, from the definition of the layer
in Caffe; that our translation gives it is shown by our evaluator and by every Caffe2 that is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import exp, tanh

import numpy as np
import pytest
from google.protobuf import text_format

from pipeline.caffe.files import CaffeNet
from pipeline.caffe.read import read
from pipeline.caffe.schema import NetParameter
from pipeline.caffe2.files import read_pair, write_pair
from pipeline.caffe2.read import read as read_caffe2
from pipeline.caffe2.write import write
from pipeline.graph.evaluation import run as evaluate
from pipeline.runtimes.runtime import Job, run
from tests.support import CAFFE2S, numbers

Array = np.ndarray


@dataclass(frozen=True)
class Fault:
    """A network, what caffe_translator makes of it, and what it computes: a function of inputs and blobs."""

    name: str
    instead: str
    layers: str
    right: Callable[..., Sequence[Array]]
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: {"x": (2, 3, 7, 6)})
    blobs: Mapping[str, Sequence[Array]] = field(default_factory=dict)

    @property
    def feeds(self) -> list[Array]:
        return [numbers(*shape, seed=seed) for seed, shape in enumerate(self.shapes.values(), 1)]

    def net(self) -> CaffeNet:
        inputs = (
            f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ '
            + " ".join(f"dim: {size}" for size in shape)
            + " } } }"
            for name, shape in self.shapes.items()
        )
        text = "\n".join([*inputs, self.layers])
        blobs = {name: tuple(group) for name, group in self.blobs.items()}
        return CaffeNet(text_format.Parse(text, NetParameter()), blobs)

    def wanted(self) -> Sequence[Array]:
        return self.right(*self.feeds, **self.blobs)


def layer(kind: str, param: str = "", name: str = "y", bottom: str = "x", top: str = "") -> str:
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top or name}" {param} }}'


def windows(size: int, kernel: int, stride: int, pad: int, *, up: bool) -> Iterator[tuple[int, int, int]]:
    """Return each window's first and last place (exclusive) in the image, and its places with padding counted."""
    count = (-(-(size + 2 * pad - kernel) // stride) if up else (size + 2 * pad - kernel) // stride) + 1
    if pad and (count - 1) * stride >= size + pad:
        count -= 1
    for start in range(-pad, count * stride - pad, stride):
        end = min(start + kernel, size + pad)
        yield max(start, 0), min(end, size), end - start


def pooled(x: Array, kernel: int, stride: int, pad: int, *, average: bool, up: bool = True) -> list[Array]:
    rows, columns = (list(windows(size, kernel, stride, pad, up=up)) for size in x.shape[2:])
    y = np.zeros((*x.shape[:2], len(rows), len(columns)))
    for n, c, (i, row), (j, column) in product(
        range(x.shape[0]), range(x.shape[1]), enumerate(rows), enumerate(columns)
    ):
        part = x[n, c, row[0] : row[1], column[0] : column[1]].astype(float)
        y[n, c, i, j] = part.sum() / (row[2] * column[2]) if average else part.max()
    return [y]


def dilated_deconvolution(x: Array, *, y: Sequence[Array]) -> list[Array]:
    weights, bias = y
    height, width = (size + 2 * (3 - 1) for size in x.shape[2:])
    result = np.zeros((x.shape[0], weights.shape[1], height, width)) + bias.reshape(-1, 1, 1)
    for n, c, i, j in np.ndindex(*x.shape):
        for out, a, b in np.ndindex(*weights.shape[1:]):
            result[n, out, i + 2 * a, j + 2 * b] += float(x[n, c, i, j]) * weights[c, out, a, b]
    return [result]


def leaky(x: Array) -> list[Array]:
    return [np.array([value if value > 0 else 0.25 * value for value in x.ravel().tolist()]).reshape(x.shape)]


def softmax_over_channels(x: Array) -> list[Array]:
    y = np.zeros(x.shape)
    for n, i, j in product(*(range(x.shape[axis]) for axis in (0, 2, 3))):
        powers = [exp(float(value)) for value in x[n, :, i, j]]
        y[n, :, i, j] = [power / sum(powers) for power in powers]
    return [y]


def stacked(x: Array, *, a: Sequence[Array], b: Sequence[Array]) -> list[Array]:
    rows = x.shape[2]
    y = np.zeros((x.shape[0], 2, 2 * rows, x.shape[3]))
    for n, c, i, j in np.ndindex(*y.shape):
        weights, bias = a if i < rows else b
        y[n, c, i, j] = bias[c] + sum(float(x[n, k, i % rows, j]) * weights[c, k, 0, 0] for k in range(x.shape[1]))
    return [y]


def scaled_twice(x: Array, *, first: Sequence[Array], second: Sequence[Array]) -> list[Array]:
    y = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(*x.shape):
        y[n, c, i, j] = (tanh(float(x[n, c, i, j])) * first[0][c] + first[1][c]) * second[0][c] + second[1][c]
    return [y]


def products(x: Array, a: Sequence[Array], b: Sequence[Array]) -> list[Array]:
    def product_of(weights: Array, bias: Array) -> Array:
        return np.array([[sum(map(float, w * row)) + v for w, v in zip(weights, bias, strict=True)] for row in x])

    return [product_of(*a), product_of(*b)]


POOL = "pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }"
FAULTS = (
    Fault(
        "a Deconvolution with dilation",
        "the dilation is dropped: the kernel is dense",
        layer("Deconvolution", "convolution_param { num_output: 4 kernel_size: 3 dilation: 2 }"),
        dilated_deconvolution,
        {"x": (1, 3, 4, 5)},
        {"y": [numbers(3, 4, 3, 3), numbers(4)]},
    ),
    Fault(
        "a ReLU with a slope",
        "negative_slope is dropped: what is below 0 becomes 0",
        layer("ReLU", "relu_param { negative_slope: 0.25 }"),
        leaky,
    ),
    Fault(
        "a Pooling that rounds down",
        "round_mode is ignored: there is a row too many",
        layer("Pooling", "pooling_param { pool: MAX kernel_size: 2 stride: 2 round_mode: FLOOR }"),
        lambda x: pooled(x, 2, 2, 0, average=False, up=False),
    ),
    Fault(
        "an average with padding",
        "padding does not count in the divisor",
        layer("Pooling", "pooling_param { pool: AVE kernel_size: 3 stride: 1 pad: 1 }"),
        lambda x: pooled(x, 3, 1, 1, average=True),
    ),
    Fault(
        "an average with padding whose last window reaches behind it",
        "places in the padding and behind it are confused",
        layer("Pooling", POOL),
        lambda x: pooled(x, 3, 2, 1, average=True),
        {"x": (2, 3, 8, 6)},
    ),
    Fault(
        "a Softmax over the channels of an image",
        "the axis is dropped: the sum goes over channels, rows and columns",
        layer("Softmax"),
        softmax_over_channels,
    ),
    Fault(
        "a Concat of rows",
        "the axis is dropped: channels are joined",
        layer("Convolution", "convolution_param { num_output: 2 kernel_size: 1 }", name="a")
        + layer("Convolution", "convolution_param { num_output: 2 kernel_size: 1 }", name="b")
        + 'layer { name: "y" type: "Concat" bottom: "a" bottom: "b" top: "y" concat_param { axis: 2 } }',
        stacked,
        blobs={name: [numbers(2, 3, 1, 1, seed=ord(name)), numbers(2, seed=ord(name))] for name in "ab"},
    ),
    Fault(
        "two Scales of one blob, in place",
        "their parameters are called by the blob: the second's are used twice",
        layer("TanH", name="t")
        + layer("Scale", "scale_param { bias_term: true }", name="first", bottom="t", top="t")
        + layer("Scale", "scale_param { bias_term: true }", name="second", bottom="t", top="t"),
        scaled_twice,
        blobs={"first": [numbers(3), numbers(3, seed=1)], "second": [numbers(3, seed=2), numbers(3, seed=3)]},
    ),
    Fault(
        "a Reduction of everything",
        "axis 0, which is the default, gives the input as it is",
        layer("Reduction", "reduction_param { operation: SUM }"),
        lambda x: [np.array(sum(map(float, x.ravel())))],
    ),
    Fault(
        "a Reduction with a factor",
        "coeff is dropped",
        layer("Reduction", "reduction_param { operation: MEAN axis: -1 coeff: 3 }"),
        lambda x: [np.array([3 * sum(map(float, row)) / len(row) for row in x])],
        {"x": (4, 5)},
    ),
    Fault(
        "two outputs",
        "only the last layer's top is declared as one: the other is lost",
        layer("InnerProduct", "inner_product_param { num_output: 2 }", name="a")
        + layer("InnerProduct", "inner_product_param { num_output: 4 }", name="b"),
        products,
        {"x": (3, 5)},
        {"a": [numbers(2, 5), numbers(2)], "b": [numbers(4, 5, seed=1), numbers(4, seed=1)]},
    ),
)


def same(found: Sequence[Array], wanted: Sequence[Array]) -> None:
    assert [array.shape for array in found] == [array.shape for array in wanted]
    for array, right in zip(found, wanted, strict=True):
        np.testing.assert_allclose(array, right, rtol=1e-5, atol=1e-5)


def test_there_are_eleven_and_each_says_what_it_is() -> None:
    assert len({fault.name for fault in FAULTS}) == len({fault.instead for fault in FAULTS}) == 11


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_ours_is_right(fault, tmp_path):
    graph = read(fault.net())
    paths = tmp_path / "predict_net.pb", tmp_path / "predict_net.pbtxt", tmp_path / "init_net.pb"
    write_pair(write(graph), *paths)
    back = read_caffe2(read_pair(paths[0], paths[2]), fault.shapes)
    same(evaluate(back, fault.feeds), fault.wanted())


@pytest.mark.parametrize("runtime", CAFFE2S)
def test_ours_is_right_in_caffe2_itself(runtime, tmp_path):
    jobs = []
    for number, fault in enumerate(FAULTS):
        net = write(read(fault.net()))
        predict, init = tmp_path / f"{number}.predict.pb", tmp_path / f"{number}.init.pb"
        write_pair(net, predict, predict.with_suffix(".pbtxt"), init)
        feeds = dict(zip(fault.shapes, fault.feeds, strict=True))
        jobs.append(Job({"predict_net": predict, "init_net": init}, feeds, list(net.predict.external_output)))
    for fault, job, result in zip(FAULTS, jobs, run(runtime, jobs), strict=True):
        assert result.ok, f"{fault.name}: {result.error}"
        same([result.blobs[name] for name in job.wanted], fault.wanted())
