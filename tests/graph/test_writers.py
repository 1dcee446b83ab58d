"""What a format says it has a form for."""

from __future__ import annotations

import pytest

from pipeline.errors import UnsupportedError
from pipeline.graph.builder import Builder
from pipeline.graph.operators import Neg, Relu, TopK
from pipeline.graph.values import Graph, Node
from pipeline.graph.writers import NetBuilder, Writers
from tests.support import operators


class Net(NetBuilder):
    title = "TopNet"


def writers() -> Writers[Net]:
    found: Writers[Net] = Writers("operator")

    @found.writes(TopK, where=lambda node, graph: bool(node.operator.largest))
    def top_k(node: Node[TopK], net: Net) -> None:
        net.refuse(f"the {node.operator.k} largest")

    return found


def graph_of(operator: TopK | Relu) -> Graph:
    net = Builder()
    return net.finish([net.add(operator, net.input("x", (2, 3)), name="y")])


@pytest.mark.parametrize(
    ("operator", "known"), [(TopK(k=2), True), (TopK(k=2, largest=0), False), (Relu(), False)], ids=str
)
def test_a_format_has_the_nodes_that_its_writers_are_for(operator: TopK | Relu, known: bool) -> None:
    graph = graph_of(operator)
    assert writers().has(graph.nodes[0], graph) is known


def test_an_operator_has_one_writer() -> None:
    with pytest.raises(ValueError, match="TopK is registered twice"):
        writers().writes(TopK)(lambda node, net: None)


def test_all_that_is_refused_is_told_at_once() -> None:
    net = Builder()
    x = net.input("x", (2, 3))
    graph = net.finish([net.add("Relu", x, name="a"), net.add("Erf", x, name="b"), net.add(TopK(k=2), x, name="c")])
    with pytest.raises(UnsupportedError) as caught:
        writers().write(graph, lambda graph: Net())
    told = [(problem.origin, problem.reason) for problem in caught.value.problems]
    lacking = [("a (Relu)", "Relu has no counterpart in TopNet"), ("b (Erf)", "Erf has no counterpart in TopNet")]
    assert told == [*lacking, ("c (TopK)", "the 2 largest")]


def test_a_node_without_a_writer_is_expanded_for_the_builder() -> None:
    found: Writers[Net] = Writers("operator")
    found.writes(TopK, where=lambda node, graph: bool(node.operator.largest))(lambda node, net: None)
    found.writes(Neg)(lambda node, net: None)
    graph, _ = found.write(graph_of(TopK(k=2, largest=0)), lambda graph: Net())
    assert operators(graph) == ["Neg", "TopK", "Neg"]
