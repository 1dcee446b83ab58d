"""Each expansion computes what its operator does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import run
from pipeline.graph.expansions import EXPANSIONS, expanded
from pipeline.graph.operators import Operator, Relu, operator_of
from pipeline.graph.values import Graph, Node, Origin
from tests.graph.operators.apply import close
from tests.support import numbers

X = (2, 4, 6, 5)
WINDOW = {"kernel_shape": (3, 2), "strides": (2, 1), "pads": (1, 0, 2, 1)}
CASES: list[tuple[str, dict[str, Any], tuple[tuple[int, ...], ...]]] = [
    ("AveragePool", {**WINDOW, "count_include_pad": 0}, (X,)),
    ("AveragePool", {**WINDOW, "count_include_pad": 1, "ceil_mode": 1}, (X,)),
    ("AveragePool", {"kernel_shape": (2,), "strides": (3,), "pads": (2, 0), "count_include_pad": 0}, ((1, 3, 9),)),
    ("ConvTranspose", {**WINDOW, "dilations": (2, 1), "output_padding": (3, 1)}, (X, (4, 3, 3, 2), (3,))),
    (
        "ConvTranspose",
        {**WINDOW, "pads": (0,) * 4, "dilations": (1, 1), "output_padding": (0, 0)},
        (X, (4, 3, 3, 2), (3,)),
    ),
    ("GlobalAveragePool", {}, (X,)),
    ("GlobalMaxPool", {}, (X,)),
    ("Im2Col", {**WINDOW, "dilations": (1, 2)}, (X,)),
    ("LocallyConnected", WINDOW, (X, (4, 5, 3, 4, 3, 2))),
    ("LocallyConnected", {**WINDOW, "pads": (0,) * 4}, (X, (2, 4, 3, 4, 3, 2), (3, 2, 4))),
    ("FeatureDropout", {"ratio": 0.25}, (X,)),
    ("LRN", {"size": 4, "alpha": 0.5, "bias": 2.0}, (X,)),
    ("LRN", {"size": 3, "beta": -0.5, "bias": 2.0}, ((2, 5),)),
    ("LpNormalization", {"axis": 1, "p": 3}, (X,)),
    ("LpNormalization", {"axis": -1, "p": 1}, (X,)),
    ("Pad", {"pads": (0, 0, 9, 1, 0, 0, 3, -2), "mode": "reflect"}, (X,)),
    ("Pad", {"pads": (0, 1, 2, -1, 0, 0, 3, 4), "mode": "edge"}, (X,)),
    ("Pad", {"pads": (0,) * 8, "mode": "edge"}, (X,)),
    ("Resize", {"scales": (1.0, 1.0, 2.0, 1.7)}, (X,)),
    ("Resize", {"sizes": (2, 4, 9, 3), "mode": "linear", "coordinate_transformation_mode": "align_corners"}, (X,)),
    ("Resize", {"scales": (1.0, 1.0, 1.0, 1.0), "mode": "linear"}, (X,)),
    ("Sum", {}, (X, (4, 1, 5), (5,))),
    ("Sum", {}, (X,)),
    ("ArgMin", {"axis": 2, "keepdims": 0}, (X,)),
    ("LayerNormalization", {"axis": 2}, (X, (6, 5), (5,))),
    ("LayerNormalization", {"axis": -1}, (X, (5,))),
    ("LogSoftmax", {"axis": -3}, (X,)),
    ("LpPool", {**WINDOW, "p": 3}, (X,)),
    ("LpPool", {**WINDOW, "p": 2}, (X,)),
    ("MaxPool", {**WINDOW, "dilations": (2, 3)}, (X,)),
    ("MaxPool", {**WINDOW, "strides": (1, 1), "dilations": (2, 1)}, (X,)),
    ("MaxPool", {**WINDOW, "pads": (1, 0, -2, 1), "dilations": (1, 2), "ceil_mode": 1}, (X,)),
    ("MaxPool", {"kernel_shape": (2,), "strides": (3,), "pads": (0, 0), "dilations": (2,)}, ((1, 3, 9),)),
    ("MaxPool", {"kernel_shape": (1,), "strides": (3,), "pads": (2, 0), "dilations": (1,)}, ((1, 2, 1),)),
    ("MeanVarianceNormalization", {"axes": (0, -1)}, (X,)),
    ("PRelu", {}, (X, (4, 1, 5))),
    ("ReduceLogSumExp", {"axes": (1, -1), "keepdims": 0}, (X,)),
    ("ReduceLogSumExp", {"axes": (0,)}, (X,)),
    ("ReduceMin", {"axes": (1, 2)}, (X,)),
    ("ReduceProd", {"axes": (2, -1), "keepdims": 0}, (X,)),
    ("ReduceProd", {"axes": (1,)}, (X,)),
    ("ReduceProd", {"axes": (0,)}, ((1, 3),)),
    ("ReduceProd", {"axes": (0,), "keepdims": 0}, ((1, 3),)),
    ("ReduceSumSquare", {"axes": (1,)}, (X,)),
    ("Selu", {"gamma": 0.5}, (X,)),
    ("Softplus", {}, (X,)),
    ("TopK", {"k": 3, "axis": 2, "largest": 0}, (X,)),
]


def network(operator: Operator, *shapes: tuple[int, ...]) -> Graph:
    """Return a graph of one operator with something behind it, all its outputs given."""
    net = Builder("net")
    with net.at("layer", Origin("layer", "nn.Layer")):
        given = [net.input(f"x{i}", shape) for i, shape in enumerate(shapes)]
        values = net.add_many(operator, *given, outputs=["y", "z"][: 1 + (operator.name == "TopK")])
    behind = net.add("Identity", values[0], name="behind")
    return net.finish([*values, behind])


def simpler(node: Node, graph: Graph) -> bool:
    """Return whether a node is not the one under test: it is called otherwise, or computes something else now."""
    (tested,) = (node for node in graph.nodes if node.name == "layer")
    return node.operator != tested.operator or node.inputs[1:] != tested.inputs[1:]


def test_every_expansion_is_tested() -> None:
    assert {name for name, *_ in CASES} | {"OneHot", "Where"} == set(EXPANSIONS)


def test_an_index_beyond_the_depth_is_nowhere_hot() -> None:
    net = Builder("net")
    indices = net.add("Cast", net.input("x", (2, 3)), to="int64", name="indices")
    graph = net.finish([net.add("OneHot", indices, depth=4, name="y")])
    simple = expanded(graph, lambda node, graph: node.operator.name != "OneHot")
    (hot,) = run(simple, [np.array([[0, 3, 4], [-1, 2, 2]], np.float32)])
    assert hot.tolist() == [[[1, 0, 0, 0], [0, 0, 0, 1], [0] * 4], [[0] * 4, [0, 0, 1, 0], [0, 0, 1, 0]]]


def test_bools_are_chosen_by_bools() -> None:
    net = Builder("net")
    condition, a, b = (net.add("Cast", net.input(name, (8,)), to="bool") for name in "cab")
    graph = net.finish([net.add("Where", condition, a, b, name="y")])
    simple = expanded(graph, lambda node, graph: node.operator.name != "Where")
    given = [np.array([i >> bit & 1 for i in range(8)], np.float32) for bit in range(3)]
    assert (run(simple, given)[0] == run(graph, given)[0]).all()


@pytest.mark.parametrize(("name", "attributes", "count"), [("Pad", {"pads": (1,) * 8}, 1)])
def test_what_is_simple_already_is_not_expanded(name: str, attributes: dict[str, Any], count: int) -> None:
    with pytest.raises(ValueError, match="simple"):
        expanded(network(operator_of(name, attributes), *[X] * count), simpler)


@pytest.mark.parametrize(("name", "attributes", "shapes"), CASES)
def test_an_expansion_gives_the_same_numbers_under_the_same_names(
    name: str, attributes: dict[str, Any], shapes: tuple[tuple[int, ...], ...]
) -> None:
    graph = network(operator_of(name, attributes), *shapes)
    simple = expanded(graph, simpler)
    assert all(simpler(node, graph) for node in simple.nodes)
    assert simple.outputs == graph.outputs
    assert {node.origin for node in simple.nodes} == {node.origin for node in graph.nodes}
    given = [numbers(*shape, seed=i) for i, shape in enumerate(shapes)]
    for got, wanted in zip(run(simple, given), run(graph, given), strict=True):
        close(got, wanted, 2e-6)


@pytest.mark.parametrize("name", ["LogSoftmax", "ReduceLogSumExp", "Softplus"])
def test_what_would_overflow_does_not(name: str) -> None:
    attributes = {"ReduceLogSumExp": {"axes": (1,)}}.get(name, {})
    graph = network(operator_of(name, attributes), (1, 4))
    x = np.array([[-1000.0, 0.0, 90.0, 1000.0]], np.float32)
    for got, wanted in zip(run(expanded(graph, simpler), [x]), run(graph, [x]), strict=True):
        close(got, wanted)


def test_names_stay_unique_and_the_last_part_bears_the_nodes_own() -> None:
    net = Builder("net")
    x = net.input("x", (2, 3))
    with net.at("layer", Origin("layer", "nn.Layer")):
        y = net.add("LogSoftmax", x)
    other = net.add("Relu", x, name="layer_max")
    graph = expanded(net.finish([y, other]), lambda node, graph: node.operator.name != "LogSoftmax")
    names = [node.name for node in graph.nodes]
    assert len(set(names)) == len(names)
    assert (names[-2:], graph.nodes[-2].output) == (["layer", "layer_max"], y)


def test_a_graph_that_a_format_has_forms_for_stays_itself() -> None:
    graph = network(Relu(), X)
    assert expanded(graph, lambda node, graph: True) is graph
