"""One small graph, written as a Caffe net: does the net compute the graph's numbers?"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.caffe.files import read_pair, write_pair
from pipeline.caffe.read import read
from pipeline.caffe.write import emit
from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import evaluate
from pipeline.graph.values import Graph, Value

Outputs = Value | Sequence[Value]
RANDOM = np.random.default_rng(3)
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


def compare(wanted: np.ndarray, found: np.ndarray, what: str) -> None:
    assert found.shape == wanted.shape, f"{what}: {found.shape} instead of {wanted.shape}"
    wanted, found = wanted.astype(np.float64), found.astype(np.float64)
    finite = np.isfinite(wanted)
    assert (np.isfinite(found) == finite).all(), what
    scale = max(1.0, float(np.abs(wanted[finite]).max(initial=0)))
    if scale > 1e30:  # where -FLT_MAX is among the numbers, the others still count
        small = finite & (np.abs(wanted) < 1e30)
        assert ((np.abs(wanted) < 1e30) == (np.abs(found) < 1e30)).all(), what
        finite, scale = small, max(1.0, float(np.abs(wanted[small]).max(initial=0)))
    error = float(np.abs(wanted - found)[finite].max(initial=0)) / scale
    assert error <= TOLERANCE, f"{what}: {error}"


def check(case: Case | Callable[[Builder], Outputs], *, opencv: bool = False) -> None:
    """Write a graph, read the files back, and compare every value of the graph by name, and the outputs in order.

    With `opencv`, its dnn runs the files too.
    """
    case = case if isinstance(case, Case) else Case(case)
    graph = graph_of(case.build)
    feeds = feeds_of(graph, case)
    wanted = values_of(graph, feeds)
    emission = emit(graph)
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "deploy.prototxt"), Path(folder, "model.caffemodel")
        write_pair(emission.net, *files, emission.comments)
        again = read(read_pair(*files), outputs=emission.outputs)
        found = values_of(again, feeds)
        compared = [name for name in wanted if name in found]
        for name in compared:
            compare(wanted[name], found[name], name)
        results = [found[value.name] for value in again.outputs]
        if opencv:
            results += in_opencv(files, feeds, emission.outputs)
    outputs = [wanted[value.name] for value in graph.outputs]
    for value, result, expected in zip(list(graph.outputs) * 2, results, outputs * 2, strict=False):
        compare(expected, result, value.name)


def in_opencv(files: tuple[Path, Path], feeds: Mapping[str, np.ndarray], outputs: Sequence[str]) -> list[np.ndarray]:
    import cv2

    net = cv2.dnn.readNetFromCaffe(str(files[0]), str(files[1]))
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    for name, array in feeds.items():
        net.setInput(array, name)
    return list(net.forward(list(outputs)))
