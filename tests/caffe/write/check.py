"""One small graph, written as a Caffe net: does the net compute the graph's numbers?"""

import atexit
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from pipeline.caffe.files import read_pair, write_pair
from pipeline.caffe.read import read
from pipeline.caffe.write import Emission, emit
from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import evaluate
from pipeline.graph.values import Graph, Value
from pipeline.runtimes.programs import opencv
from pipeline.runtimes.runtime import Job, Worker, opened
from tests.support import CAFFES

Outputs = Value | Sequence[Value]
RANDOM = np.random.default_rng(3)
IN_OPENCV = frozenset(
    {"AbsVal", "BatchNorm", "BNLL", "Concat", "Convolution", "Deconvolution", "Dropout", "Eltwise", "ELU", "Exp"}
    | {"Flatten", "InnerProduct", "Input", "LRN", "Log", "MVN", "Pooling", "Power", "PReLU", "ReLU", "Reshape"}
    | {"Scale", "Sigmoid", "Silence", "Slice", "Softmax", "Split", "TanH"}
)
TOLERANCE = 1e-5  # relative to max(1, max |b|)


@dataclass(frozen=True)
class Case:
    """A graph to be, and in which range the numbers of its inputs lie (indices: from 0 to `high`)."""

    build: Callable[[Builder], Outputs]
    low: float = -3.0
    high: float = 3.0
    feeds: Mapping[str, np.ndarray] = field(default_factory=dict)


def numbers(*shape: int) -> np.ndarray:
    return np.array(RANDOM.uniform(-1, 1, shape), np.float32)


def single(operator: str, *shapes, low: float = -3, high: float = 3, **attributes) -> Case:
    """One operator: a shape is an input of float32, ("int64", shape) one of another type, an array a weight."""

    def build(b: Builder):
        inputs = []
        for index, shape in enumerate(shapes):
            if shape is None:
                inputs.append(None)
            elif isinstance(shape, np.ndarray):
                inputs.append(b.weight(shape, name=f"w{index}"))
            elif shape and isinstance(shape[0], str):
                inputs.append(b.input(f"x{index}", shape[1], shape[0]))
            else:
                inputs.append(b.input(f"x{index}", shape))
        return b.add_many(operator, *inputs, name="y", **attributes)

    return Case(build, low, high)


def twice(operator: str) -> Case:
    """One operator that takes one value as both of its inputs."""

    def build(b: Builder) -> Value:
        x = b.input("x", (2, 3))
        return b.add(operator, x, x, name="y")

    return Case(build)


def window(axes: int, kernel=3, stride=1, pads=0, **more) -> dict:
    def each(number):
        return (number,) * axes if isinstance(number, int) else number

    pads = each(pads) if not isinstance(pads, int) else (pads,) * (2 * axes)
    return {"kernel_shape": each(kernel), "strides": each(stride), "pads": pads} | more


def graph_of(build: Callable[[Builder], Outputs]) -> Graph:
    builder = Builder("net")
    outputs = build(builder)
    return builder.finish([outputs] if isinstance(outputs, Value) else list(outputs))


def feeds_of(graph: Graph, case: Case) -> dict[str, np.ndarray]:
    random = np.random.default_rng(7)
    feeds = {}
    for value in graph.inputs:
        if value.dtype == "float32":
            numbers = random.uniform(case.low, case.high, value.shape).astype(np.float32)
        else:
            numbers = random.integers(0, 2 if value.dtype == "bool" else int(case.high), value.shape).astype(
                value.dtype
            )
        feeds[value.name] = case.feeds.get(value.name, numbers)
    return feeds


def values_of(graph: Graph, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    known = {name: np.asarray(array) for name, array in graph.weights.items()} | dict(feeds)
    return known | {value.name: array for value, array in evaluate(graph, dict(feeds))}


def compare(wanted: np.ndarray, found: np.ndarray, what: str, tolerance: float = TOLERANCE) -> None:
    assert found.shape == wanted.shape, f"{what}: {found.shape} instead of {wanted.shape}"
    wanted, found = wanted.astype(np.float64), found.astype(np.float64)
    # Where -FLT_MAX is among the numbers, or none, the others still count.
    usual = np.abs(wanted) < 1e30
    assert ((np.abs(found) < 1e30) == usual).all(), what
    wanted, found = wanted[usual], found[usual]
    error = float(np.abs(wanted - found).max(initial=0)) / max(1.0, float(np.abs(wanted).max(initial=0)))
    assert error <= tolerance, f"{what}: {error}"


def check(case: Case | Callable[[Builder], Outputs], *, in_opencv: bool = True) -> Emission:
    """Write a graph and read the files back; compare every value of the graph by name, and the outputs in order.

    Where they are installed, Caffe runs the files too, and OpenCV's dnn does if it has all layers and `in_opencv` is
    not denied.
    """
    case = case if isinstance(case, Case) else Case(case)
    graph = graph_of(case.build)
    feeds = feeds_of(graph, case)
    wanted = values_of(graph, feeds)
    emission = emit(graph)
    with tempfile.TemporaryDirectory() as folder:
        files = {"prototxt": Path(folder, "deploy.prototxt"), "caffemodel": Path(folder, "model.caffemodel")}
        write_pair(emission.net, *files.values(), emission.comments)
        again = read(read_pair(*files.values()), outputs=emission.outputs)
        found = values_of(again, {value.name: feeds[value.name] for value in again.inputs})
        for name in [name for name in wanted if name in found]:
            compare(wanted[name], found[name], name)
        for value, result in zip(graph.outputs, again.outputs, strict=True):
            compare(wanted[value.name], found[result.name], value.name)
        if caffe := _caffe():
            floats = {blob: array.astype(np.float32) for blob, array in feeds.items()}
            ran = caffe.run(Job(files, floats, emission.outputs))
            assert ran.ok, ran.error
            for value, blob in zip(graph.outputs, emission.outputs, strict=True):
                compare(wanted[value.name], ran.blobs[blob], f"{value.name} in Caffe")
        if in_opencv and _opencv_can(graph, emission, files):
            results = _in_opencv(files, feeds, emission)
            for value, result in zip(graph.outputs, results, strict=True):
                compare(wanted[value.name], result, f"{value.name} in OpenCV", 1e-4)
    return emission


@cache
def _caffe() -> Worker | None:
    """Start a real Caffe, if there is one, for as long as the tests take."""
    runtime = CAFFES[0].values[0]
    if runtime is None:
        return None
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(opened(runtime))


def _opencv_can(graph: Graph, emission: Emission, files: Mapping[str, Path]) -> bool:
    """Return whether OpenCV has all layers; it has no blobs of one axis, and gives the first top of a layer only."""
    layers = emission.net.net.layer
    firsts = {layer.top[0] for layer in layers if layer.top}
    deep = any(layer.convolution_param.HasField("engine") for layer in layers)  # not over two axes
    ranks = [value.rank for value in (*graph.inputs, *graph.values())]
    if not {layer.type for layer in layers} <= IN_OPENCV or deep or min(ranks, default=2) < 2:
        return False
    return firsts >= set(emission.outputs) and not opencv.doubt("caffe", files)


def _in_opencv(files: Mapping[str, Path], feeds: Mapping[str, np.ndarray], emission: Emission) -> list[np.ndarray]:
    import cv2

    net = cv2.dnn.readNetFromCaffe(*map(str, files.values()))
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    for name, array in feeds.items():
        net.setInput(array.astype(np.float32), name)
    return list(net.forward(list(emission.outputs)))
