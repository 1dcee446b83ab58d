from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.graph.builder import Builder
from pipeline.graph.comparison import compare
from pipeline.graph.evaluation import run
from pipeline.graph.passes.folding import fold_batchnorm
from pipeline.graph.values import Graph, Value
from tests.graph.operators.apply import examples
from tests.support import numbers, operators

WINDOW = {"kernel_shape": (2, 2), "strides": (1, 1), "pads": (1, 0, 0, 1), "dilations": (1, 1)}


class Net:
    """A builder that makes a new weight for each shape."""

    def __init__(self, *shape: int) -> None:
        self.builder = Builder()
        self.x = self.builder.input("x", shape)
        self.count = 0

    def weight(self, *shape: int, positive: bool = False) -> Value:
        self.count += 1
        array = numbers(*shape, seed=self.count)
        return self.builder.weight(np.abs(array) + 0.1 if positive else array, name=f"w{self.count}")

    def add(self, operator: str, *inputs: Value | None, name: str = "", **attributes: Any) -> Value:
        return self.builder.add(operator, *inputs, name=name or operator.lower(), **attributes)

    def batchnorm(self, y: Value, *, affine: bool = True) -> Value:
        scale, bias = (self.weight(6), self.weight(6)) if affine else (None, None)
        return self.add("BatchNormalization", y, scale, bias, self.weight(6), self.weight(6, positive=True))

    def conv(self, *, bias: bool = True) -> Value:
        return self.add("Conv", self.x, self.weight(6, 4, 2, 2), self.weight(6) if bias else None, **WINDOW)


def product(net: Net, operator: str, group: int, bias: bool) -> Value:
    b = net.weight(6) if bias else None
    if operator == "Conv":
        return net.add("Conv", net.x, net.weight(6, 4 // group, 2, 2), b, **WINDOW, group=group)
    if operator == "ConvTranspose":
        w = net.weight(4, 6 // group, 2, 2)
        return net.add("ConvTranspose", net.x, w, b, **WINDOW, group=group, output_padding=(0, 0))
    rows = net.add("Flatten", net.x)
    shape = (6, rows.shape[1]) if group == 2 else (rows.shape[1], 6)
    return net.add("Gemm", rows, net.weight(*shape), b, alpha=0.5, beta=2.0, transB=int(group == 2))


def follow(net: Net, y: Value, kind: str) -> Value:
    column = (6, *(1,) * (y.rank - 2))
    match kind:
        case "bn":
            return net.batchnorm(y)
        case "bn plain":
            return net.batchnorm(y, affine=False)
        case "mul":
            return net.add("Mul", y, net.weight(*column))
        case "add":
            return net.add("Add", net.weight(1, *column), y)
        case _:
            return net.add("Mul" if kind == "mul one" else "Add", y, net.weight())


KINDS = ["bn", "bn plain", "mul", "add", "mul one", "add one"]


@examples
@given(
    st.sampled_from(["Conv", "ConvTranspose", "Gemm"]),
    st.sampled_from([1, 2]),
    st.booleans(),
    st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
)
def test_all_that_follows_a_product_goes_into_its_weights(
    operator: str, group: int, bias: bool, kinds: list[str]
) -> None:
    net = Net(2, 4, 5, 3)
    y = product(net, operator, group, bias)
    for kind in kinds:
        y = follow(net, y, kind)
    graph = net.builder.finish([net.add("Relu", y)])
    folded = fold_batchnorm(graph)
    assert [node.operator.name for node in folded.nodes if node.operator.name != "Flatten"] == [operator, "Relu"]
    assert folded.nodes[-2].output == y
    assert len(folded.weights) == 2
    assert all(array.dtype == np.float32 for array in folded.weights.values())
    x = numbers(2, 4, 5, 3)
    assert compare(run(folded, [x])[0], run(graph, [x])[0]).within(1e-5)


def unchanged(graph: Graph) -> bool:
    return fold_batchnorm(graph) == graph


def test_a_product_with_another_consumer_stays() -> None:
    net = Net(2, 4, 5, 3)
    y = net.conv()
    z = net.batchnorm(y)
    assert unchanged(net.builder.finish([net.add("Sum", y, z)]))


def test_a_product_that_is_an_output_stays() -> None:
    net = Net(2, 4, 5, 3)
    y = net.conv()
    assert unchanged(net.builder.finish([net.batchnorm(y), y]))


def test_a_product_whose_weights_are_computed_stays() -> None:
    net = Net(2, 4, 5, 3)
    w = net.add("Neg", net.weight(6, 4, 2, 2))
    y = net.add("Conv", net.x, w, **WINDOW)
    assert unchanged(net.builder.finish([net.batchnorm(y)]))


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 1, 1, 1), (1, 6, 5, 3), (1, 1, 1, 1, 1)])
def test_a_constant_that_is_not_one_number_a_channel_stays(shape: tuple[int, ...]) -> None:
    net = Net(2, 4, 5, 3)
    assert unchanged(net.builder.finish([net.add("Mul", net.conv(), net.weight(*shape))]))


def test_a_constant_that_makes_several_channels_of_one_stays() -> None:
    net = Net(2, 4, 5, 3)
    y = net.add("Conv", net.x, net.weight(1, 4, 2, 2), **WINDOW)
    assert unchanged(net.builder.finish([net.add("Mul", y, net.weight(6, 1, 1))]))


@pytest.mark.parametrize("c", [(2, 1), (2, 6)])
def test_an_addend_that_differs_from_row_to_row_stays(c: tuple[int, ...]) -> None:
    net = Net(2, 4)
    y = net.add("Gemm", net.x, net.weight(4, 6), net.weight(*c))
    assert unchanged(net.builder.finish([net.batchnorm(y)]))


def test_a_square_of_a_product_and_a_batchnorm_of_an_input_stay() -> None:
    net = Net(2, 6, 5, 3)
    y = net.batchnorm(net.x)
    w = net.weight(6, 6, 2, 2)
    z = net.add("Conv", y, w, **WINDOW)
    assert unchanged(net.builder.finish([net.add("Mul", z, z)]))


def test_tied_weights_keep_their_value_elsewhere() -> None:
    net = Net(2, 4, 5, 3)
    w = net.weight(6, 4, 2, 2)
    one = net.add("Conv", net.x, w, name="one", **WINDOW)
    other = net.add("Conv", net.x, w, name="other", **WINDOW)
    graph = net.builder.finish([net.add("Sum", net.batchnorm(one), other)])
    folded = fold_batchnorm(graph)
    assert operators(folded) == ["Conv", "Conv", "Sum"]
    x = numbers(2, 4, 5, 3)
    assert compare(run(folded, [x])[0], run(graph, [x])[0]).within(1e-5)


def test_new_weights_take_no_name_that_is_taken() -> None:
    net = Net(2, 4, 5, 3)
    y = net.batchnorm(net.conv())
    graph = net.builder.finish([net.add("Relu", y, name="batchnormalization_weight")])
    folded = fold_batchnorm(graph)
    assert list(folded.weights) == ["batchnormalization_weight_2", "batchnormalization_bias"]
