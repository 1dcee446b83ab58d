from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import run
from pipeline.graph.passes import PASSES, apply
from pipeline.graph.passes.cleanup import dead_nodes, remove_identity
from pipeline.graph.values import Graph
from tests.graph.operators.apply import close, numbers


def operators(graph: Graph) -> list[str]:
    return [node.operator.name for node in graph.nodes]


def test_nodes_that_change_nothing_are_left_out() -> None:
    net = Builder()
    x = net.input("x", (2, 3))
    y = net.add("Identity", net.add("Dropout", x, name="drop"), name="same")
    y = net.add("Reshape", y, shape=(0, -1), name="reshaped")
    y = net.add("Transpose", net.add("Pad", y, pads=(0,) * 4, name="padded"), perm=(0, 1), name="turned")
    y = net.add("Concat", net.add("Cast", y, to="float32", name="cast"), axis=0, name="joined")
    y = net.add("Add", net.add("Relu", y, name="relu"), y, name="sum")
    graph = net.finish([y])
    cleaned = remove_identity(graph)
    assert operators(cleaned) == ["Relu", "Add"]
    assert [value and value.name for value in cleaned.nodes[1].inputs] == ["relu", "x"]
    close(run(cleaned, [numbers(2, 3)])[0], run(graph, [numbers(2, 3)])[0], 0)


def test_nodes_that_change_something_stay() -> None:
    net = Builder()
    x = net.input("x", (2, 2))
    y = net.add("Transpose", x, perm=(1, 0), name="turned")
    y = net.add("Reshape", y, shape=(4,), name="flat")
    y = net.add("Concat", y, y, axis=0, name="twice")
    graph = net.finish([net.add("Relu", y, name="relu")])
    assert remove_identity(graph) == graph


def test_an_output_keeps_its_name_and_node() -> None:
    net = Builder()
    x = net.input("x", (2,))
    graph = net.finish([net.add("Identity", x, name="y")])
    assert operators(remove_identity(graph)) == ["Identity"]


def test_what_no_output_needs_is_left_out_with_its_weights() -> None:
    net = Builder()
    x = net.input("x", (2, 3))
    used, unused = net.weight(np.ones(3), name="used"), net.weight(np.zeros(3), name="unused")
    dead = net.add("Mul", x, unused, name="dead")
    net.add("Relu", dead, name="deader")
    first, _ = net.add_many("TopK", net.add("Add", x, used, name="alive"), k=2, name="top")
    graph = net.finish([first])
    cleaned = dead_nodes(graph)
    assert operators(cleaned) == ["Add", "TopK"]
    assert list(cleaned.weights) == ["used"]
    close(run(cleaned, [numbers(2, 3)])[0], run(graph, [numbers(2, 3)])[0], 0)


def test_passes_run_by_name_in_their_order() -> None:
    net = Builder()
    x = net.input("x", (2,))
    net.add("Exp", net.add("Dropout", x, name="drop"), name="dead")
    graph = net.finish([net.add("Relu", x, name="y")])
    assert operators(apply(graph, ["remove_identity"])[0]) == ["Exp", "Relu"]
    assert operators(apply(graph, ["remove_identity", "dead_nodes"])[0]) == ["Relu"]
    assert apply(graph, []) == (graph, ())


def test_an_unknown_pass_is_refused_with_those_that_exist() -> None:
    with pytest.raises(UsageError) as failure:
        apply(Builder().finish([]), ["fuse_everything"])
    assert all(name in failure.value.advice for name in PASSES)


@pytest.mark.parametrize("name", PASSES)
def test_every_pass_tells_what_it_is_given_and_what_results(name: str) -> None:
    words = PASSES[name].__doc__ or ""
    assert words.index("Given:") < words.index("Result:")
