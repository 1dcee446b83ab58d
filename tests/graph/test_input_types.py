import numpy as np

from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import run
from pipeline.graph.input_types import cast_inputs, index_inputs
from pipeline.graph.values import Graph


def lookup() -> Graph:
    """Rows of a table of 5, by 1-based indices; and a second input that holds no indices."""
    net = Builder("lookup")
    indices, factor = net.input("indices", (2, 3)), net.input("factor", (1,))
    rows = net.add("Cast", net.add("Sub", indices, net.constant(1.0), name="zero_based"), name="rows", to="int64")
    table = net.weight(np.arange(10, dtype=np.float32).reshape(5, 2), name="table")
    return net.finish([net.add("Mul", net.add("Gather", table, rows, name="taken"), factor, name="y")])


def test_an_input_that_indexes_a_table_is_known_with_its_rows():
    assert index_inputs(lookup()) == {"indices": 5}


def test_a_cast_input_computes_the_same_and_nothing_else_changes():
    graph = lookup()
    cast = cast_inputs(graph, {"indices"})
    feeds = [np.array([[1, 5, 2], [3, 3, 4]], np.float32), np.array([2.0], np.float32)]
    np.testing.assert_array_equal(run(cast, feeds)[0], run(graph, feeds)[0])
    assert [node.operator.name for node in cast.nodes][:2] == ["Cast", "Sub"]
    assert cast.nodes[1].input(0).name == "indices_float"
    assert cast_inputs(graph, set()) == graph


def test_the_new_value_gets_a_name_of_its_own():
    net = Builder()
    x = net.input("x", (2,))
    graph = net.finish([net.add("Relu", net.add("Abs", x, name="x_float"), name="y")])
    assert cast_inputs(graph, {"x"}).nodes[0].name == "x_float_"
