"""Where a network must know an extent that depends on its numbers."""

from pipeline.graph.bounds import bounded, needing_bounds
from pipeline.graph.operators import Compress, Expand, Relu, Reshape
from pipeline.graph.values import Graph
from tests.graph.nets import Net


def after_a_choice(add) -> Graph:
    net = Net("net")
    x, scores = net.input("x", (6, 4)), net.input("scores", (6,))
    positive = net.add("Greater", scores, net.c(0.0), name="positive")
    chosen = net.add(Compress(axis=0), x, positive, name="chosen")
    return net.finish([add(net, chosen, x)])


def names(graph: Graph) -> list[str]:
    return [node.name for node in needing_bounds(graph)]


def test_what_takes_any_number_of_rows_needs_no_bound():
    assert names(after_a_choice(lambda net, chosen, x: net.add(Relu(), chosen, name="y"))) == []
    assert names(after_a_choice(lambda net, chosen, x: net.add(Reshape(shape=(1, -1, 2)), chosen, name="y"))) == []


def test_what_is_made_for_as_many_rows_as_there_can_be_needs_the_bound():
    assert names(after_a_choice(lambda net, chosen, x: net.add("Add", chosen, x, name="y"))) == ["y"]
    assert names(after_a_choice(lambda net, chosen, x: net.add(Reshape(shape=(3, 8)), chosen, name="y"))) == ["y"]
    assert names(after_a_choice(lambda net, chosen, x: net.add(Expand(shape=(6, 4)), chosen, name="y"))) == ["y"]


def test_what_follows_such_a_node_is_not_blamed():
    def both(net, chosen, x):
        return net.add(Relu(), net.add("Add", chosen, x, name="sum"), name="y")

    assert names(after_a_choice(both)) == ["sum"]


def test_what_follows_a_choice_may_have_fewer_rows():
    graph = after_a_choice(lambda net, chosen, x: net.add(Relu(), chosen, name="y"))
    assert bounded(graph) == {"chosen", "y"}
