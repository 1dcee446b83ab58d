from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.diff.difference import Diff, diff, diff_weights
from pipeline.graph.builder import Builder
from pipeline.graph.operators import Dropout, LeakyRelu, Operator, Sigmoid, Tanh
from pipeline.graph.values import Graph, Node, Origin
from tests.support import taking_less_than
from tests.verification.nets import network


def told(found: Diff) -> list[tuple[str, str]]:
    return [(change.what, change.where) for change in found.changes]


def test_a_network_is_the_same_as_itself() -> None:
    found = diff(network(), network())
    assert found.same
    assert (found.changes, found.renamed) == ((), ())
    assert found.numbers is not None
    assert found.numbers.outputs["prob"].maximum == 0


def _chain(letter: str, *operators: Operator) -> Graph:
    net = Builder("net")
    x = net.input("x", (1, 4))
    for i, operator in enumerate(operators):
        with net.at(f"{letter}{i}", Origin("", "")):
            x = net.add(operator, x)
    return net.finish([x])


def test_two_long_networks_are_compared_at_once() -> None:
    alike = [*[Tanh()] * 5000, Sigmoid(), *[Tanh()] * 2000]
    one, same, longer = _chain("a", *alike), _chain("b", *alike), _chain("b", Sigmoid(), *alike, Sigmoid())
    slopes = _chain("a", *[LeakyRelu(alpha=0.1)] * 2000), _chain("b", Tanh(), *[LeakyRelu(alpha=0.2)] * 2000)
    with taking_less_than(5):
        renamed, extended, changed = (diff(*pair, run=False) for pair in ((one, same), (one, longer), slopes))
    assert (renamed.changes, len(renamed.renamed)) == ((), 7001)
    assert {change.what for change in extended.changes} <= {"added", "removed", "moved"}
    assert len(extended.changes) < 10
    assert {change.what for change in changed.changes} == {"added", "removed", "attribute"}


def test_names_mean_nothing() -> None:
    found = diff(network(relu="act"), network(relu="slope"))
    assert found.same
    assert found.renamed == (("act", "slope"),)


def test_an_attribute_is_told_with_both_values() -> None:
    found = diff(network(slope=0.1), network(slope=0.3))
    (change,) = found.changes
    assert (change.what, change.where) == ("attribute", "act")
    assert change.detail.startswith("alpha: 0.1 -> 0.3")
    assert not found.same


def test_outputs_on_the_same_inputs_are_compared_and_the_first_place_is_named() -> None:
    found = diff(network(slope=0.1), network(slope=0.9))
    assert found.numbers is not None
    assert not found.numbers.agree(1e-4)
    assert found.numbers.first == "act"


def test_an_added_node_is_told_and_moves_nothing_behind_it() -> None:
    found = diff(network(), network(extra=True))
    assert told(found) == [("added", "extra")]
    assert not found.same
    found = diff(network(extra=True), network())
    assert told(found) == [("removed", "extra")]


def test_an_added_node_among_renamed_ones_is_still_found() -> None:
    other = network(extra=True)
    nodes = tuple(replace(node, name=f"n{i}") for i, node in enumerate(other.nodes))
    found = diff(network(), replace(other, nodes=nodes))
    assert told(found) == [("added", "n1")]


def test_a_weight_is_told_with_how_far_it_is_apart() -> None:
    graph = network()
    changed = {name: array + np.float32(0.5) if name == "ip_bias" else array for name, array in graph.weights.items()}
    (change,) = diff(graph, replace(graph, weights=changed)).changes
    assert (change.what, change.where) == ("weight", "ip, input 2")
    assert abs(change.before - 0.5) < 1e-6


def test_weights_are_compared_as_the_float32_that_is_computed_with() -> None:
    graph = network()
    wide = {name: array.astype(np.float64) * (1 + 1e-12) for name, array in graph.weights.items()}
    assert diff(graph, replace(graph, weights=wide)).changes == ()


def test_a_weight_of_another_shape_is_told_by_shape() -> None:
    graph = network()
    bias = {**graph.weights, "ip_bias": np.zeros(1, np.float32)}
    details = [change.detail for change in diff(graph, replace(graph, weights=bias), run=False).changes]
    assert details == ["5 -> 1"]


def branches(crossed: bool) -> Graph:
    net = Builder("branches")
    x = net.input("x", (1, 4))
    with net.at("a", Origin("a", "")):
        a = net.add("Tanh", x)
    with net.at("b", Origin("b", "")):
        b = net.add("Sigmoid", a if crossed else x)
    with net.at("c", Origin("c", "")):
        c = net.add("Add", a, b)
    return net.finish([c])


def test_a_node_behind_another_one_has_moved() -> None:
    found = diff(branches(False), branches(True))
    assert told(found) == [("moved", "b")]
    assert found.changes[0].detail == "behind input 1 -> behind a"


def test_the_order_of_independent_nodes_means_nothing() -> None:
    graph = branches(False)
    a, b, c = graph.nodes
    assert diff(graph, replace(graph, nodes=(b, a, c))).same


def test_nodes_that_change_nothing_mean_nothing() -> None:
    graph = network()
    pool = next(node for node in graph.nodes if node.name == "pool")
    value = replace(pool.output, name="dropped")
    drop = Node("drop", Dropout(ratio=0.5), (pool.output,), (value,), Origin("", ""))
    nodes = []
    for node in graph.nodes:
        swapped = tuple(value if v == pool.output else v for v in node.inputs)
        nodes += [node, drop] if node is pool else [replace(node, inputs=swapped)]
    assert diff(graph, replace(graph, nodes=tuple(nodes))).same


def softmax(apart: bool) -> Graph:
    """Either a LogSoftmax, or a Softmax and a Log."""
    net = Builder("softmax")
    x = net.input("x", (2, 5))
    with net.at("last", Origin("last", "")):
        y = net.add("Log", net.add("Softmax", x, part="inner", axis=1)) if apart else net.add("LogSoftmax", x, axis=1)
    return net.finish([y])


def test_nodes_that_are_written_differently_and_compute_the_same_are_told_and_mean_the_same() -> None:
    found = diff(softmax(False), softmax(True))
    assert {change.what for change in found.changes} == {"removed", "added"}
    assert found.same


def test_nodes_that_are_written_differently_differ_where_nothing_could_be_run() -> None:
    assert not diff(softmax(False), softmax(True), run=False).same


def test_other_inputs_are_told_and_nothing_is_run() -> None:
    graph, other = network(), softmax(False)
    found = diff(graph, other)
    assert ("input", "data") in told(found)
    assert found.numbers is None
    assert found.why == "their inputs are not the same"


def test_a_network_without_weights_is_compared_by_its_nodes() -> None:
    found = diff(network(seed=0), network(seed=1), weights=False)
    assert found.same
    assert found.why == "a network is there without its weights"


def test_files_of_weights_are_compared_by_name() -> None:
    a = {"x": np.zeros(2, np.float32), "y": np.ones(3, np.float32)}
    b = {"y": np.full(3, 1.5, np.float32), "z": np.zeros(1, np.float32)}
    found = diff_weights(a, b)
    assert told(found) == [("removed", "x"), ("added", "z"), ("weight", "y")]
    assert not found.same
    assert diff_weights(a, a).same
