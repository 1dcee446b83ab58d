from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import evaluate, run
from pipeline.graph.values import Graph, Origin
from tests.graph.operators.apply import close
from tests.support import numbers


def chain(length: int) -> Graph:
    net = Builder()
    x = net.input("x", (2, 3))
    for i in range(length):
        x = net.add("Exp" if i % 2 else "Neg", x, name=f"y{i}")
    return net.finish([x])


def scaled(weight: np.ndarray) -> Graph:
    net = Builder()
    x = net.input("x", weight.shape)
    return net.finish([net.add("Mul", x, net.weight(weight, name="w"), name="y")])


def test_every_value_comes_in_running_order() -> None:
    x = numbers(2, 3)
    values = list(evaluate(chain(3), {"x": x}))
    assert [value.name for value, _ in values] == ["y0", "y1", "y2"]
    close(values[0][1], -x)
    close(values[2][1], -np.exp(-x))


def test_inputs_may_come_by_name_or_in_order() -> None:
    net = Builder()
    a, b = net.input("a", (2,)), net.input("b", ())
    graph = net.finish([net.add("Sub", a, b, name="y")])
    x, y = np.array([3, 4], np.float64), np.array(1, np.float16)
    assert run(graph, [x, y])[0].tolist() == run(graph, {"b": y, "a": x})[0].tolist() == [2, 3]


def test_outputs_may_be_inputs_and_weights_and_come_in_the_graphs_order() -> None:
    net = Builder()
    x = net.input("x", (2,))
    y = net.add("Neg", x, name="y")
    w = net.weight(np.ones(3, np.float32), name="w")
    found = run(net.finish([w, y, x]), [np.array([1, 2], np.float32)])
    assert [array.tolist() for array in found] == [[1, 1, 1], [-1, -2], [1, 2]]


def test_values_are_freed_after_their_last_use() -> None:
    held = []
    for value, array in evaluate(chain(6), [numbers(2, 3)]):
        gc.collect()
        alive = [name for name, reference in held if reference() is not None]
        assert len(alive) <= 1, (value.name, alive)
        held.append((value.name, weakref.ref(array.base if array.base is not None else array)))
        del array


def test_values_that_no_node_takes_are_not_held() -> None:
    net = Builder()
    x = net.input("x", (4, 2))
    net.add_many("Split", x, name="split", split=(1, 1, 1, 1))
    graph = net.finish([net.add("Neg", net.add("Exp", x, name="exp"), name="neg")])
    held = []
    for value, array in evaluate(graph, [numbers(4, 2)]):
        if value.name.startswith("split"):
            held.append(weakref.ref(array.base))
        else:
            gc.collect()
            assert [reference() for reference in held] == [None] * 4
        del array


def test_values_are_read_only() -> None:
    for _, array in evaluate(chain(1), [numbers(2, 3)]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def unaligned() -> np.ndarray:
    return np.frombuffer(b"\0" + np.arange(6, dtype="<f4").tobytes(), "<f4", 6, 1)


def with_gaps() -> np.ndarray:
    return np.ndarray((6,), "<f4", bytes(5 * 6), 0, (5,))


@pytest.mark.parametrize(
    "weight",
    [
        np.arange(6, dtype=np.float64),
        np.arange(6, dtype=np.float16),
        np.arange(6, dtype=">f4"),
        np.arange(12, dtype=np.float32)[::2],
        np.arange(6, dtype=np.float32)[::-1],
        np.arange(6, dtype=np.float32).reshape(2, 3).T,
        np.broadcast_to(np.float32(3), (4, 5)),
        np.zeros((0, 3), np.float32),
        np.array(2, np.float32),
        unaligned(),
        with_gaps(),
    ],
)
@pytest.mark.parametrize("writable", [True, False])
def test_weights_of_any_type_and_layout_are_taken_as_float32(weight: np.ndarray, writable: bool) -> None:
    if not writable:
        weight = weight.view()
        weight.flags.writeable = False
    x = np.full(weight.shape, 2, np.float32)
    (y,) = run(scaled(weight), [x])
    assert y.dtype == np.float32
    assert y.tolist() == (weight * 2.0).tolist()


def test_a_read_only_weight_is_not_copied() -> None:
    weight = np.frombuffer(bytes(16), np.float32)
    net = Builder()
    graph = net.finish([net.add("Identity", net.weight(weight, name="w"), name="y")])
    (y,) = run(graph, [])
    assert y.__array_interface__["data"][0] == weight.__array_interface__["data"][0]


def test_a_double_beyond_float32_becomes_infinite() -> None:
    assert run(scaled(np.array([1e300, -1e300])), [np.ones(2, np.float32)])[0].tolist() == [np.inf, -np.inf]


@pytest.mark.parametrize(
    ("feeds", "message"),
    [
        ([], "0 inputs are given; the network takes 1"),
        ({"y": numbers(2, 3)}, "the inputs y are given; the network takes x"),
        ([numbers(3, 2)], "input x is 3x2, but the network takes 2x3"),
    ],
)
def test_feeds_that_do_not_fit_are_refused(feeds: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run(chain(1), feeds)  # type: ignore[arg-type]


def test_a_failure_names_the_node_and_its_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Builder()
    with net.at("table", Origin("net.2", "nn.Tanh")):
        graph = net.finish([net.add("Tanh", net.input("x", (3, 2)))])

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(type(graph.nodes[0].operator), "evaluate", fail)
    with pytest.raises(RuntimeError) as failure:
        run(graph, [numbers(3, 2)])
    assert failure.value.__notes__ == ["while computing table, Tanh of net.2 (nn.Tanh)"]


@pytest.mark.parametrize("index", [-1, 3, 2**40])
def test_an_index_that_has_no_row_is_told_as_the_inputs_fault(index):
    net = Builder()
    rows = net.weight(np.eye(3, dtype=np.float32))
    with net.at("words", "2 (nn.LookupTable)"):
        graph = net.finish([net.add("Gather", rows, net.input("x", (2,), "int64"))])
    with pytest.raises(UsageError, match=r"an index that 2 \(nn.LookupTable\) has no row for") as caught:
        run(graph, [np.array([0, index])])
    assert caught.value.why == "it has 3 rows"
