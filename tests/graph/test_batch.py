"""A batch is free where no number of the network can depend on how large it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.graph.batch import ANY, free_batch
from pipeline.graph.builder import Builder
from pipeline.graph.values import Value
from tests.support import numbers

CONV = {"kernel_shape": (3, 3), "strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1)}
Build = Callable[[Builder, Value], Value]


def types(build: Build, *shape: int) -> dict[str, object]:
    net = Builder("net")
    return dict(free_batch(net.finish([build(net, net.input("x", shape))])))


def test_the_types_are_those_of_a_batch_of_any_size():
    found = types(lambda net, x: net.add("Conv", x, net.weight(numbers(4, 3, 3, 3)), name="y", **CONV), 2, 3, 6, 6)
    assert found == {"x": ((ANY, 3, 6, 6), "float32"), "y": ((ANY, 4, 6, 6), "float32")}


@pytest.mark.parametrize(
    "build",
    [
        lambda net, x: net.add("Reshape", x, shape=(0, -1)),
        lambda net, x: net.add("Reshape", net.add("Reshape", x, shape=(-1, 4)), shape=(-1, 3, 4)),
        lambda net, x: net.add("Transpose", net.add("Transpose", x, perm=(1, 0, 2)), perm=(1, 0, 2)),
        lambda net, x: net.add("Add", x, net.weight(numbers(1, 3, 4))),
        lambda net, x: net.add("Softmax", x, axis=-1),
        lambda net, x: net.add("ReduceMean", x, axes=(1,)),
        lambda net, x: net.add("Slice", x, starts=(1,), ends=(2,), axes=(1,)),
    ],
)
def test_it_is_free_where_each_image_stays_apart(build):
    assert types(build, 2, 3, 4)


@pytest.mark.parametrize(
    "build",
    [
        lambda net, x: net.add("Reshape", x, shape=(2, 12)),
        lambda net, x: net.add("Reshape", x, shape=(-1,)),
        lambda net, x: net.add("Softmax", x, axis=0),
        lambda net, x: net.add("LogSoftmax", x, axis=-3),
        lambda net, x: net.add("LpNormalization", x, axis=0),
        lambda net, x: net.add("LayerNormalization", x, axis=0),
        lambda net, x: net.add("MeanVarianceNormalization", x, axes=(0, 2)),
        lambda net, x: net.add("ReduceMean", x, axes=(0,)),
        lambda net, x: net.add("Sub", x, net.add("ReduceMean", x, axes=(0,))),
        lambda net, x: net.add("Slice", x, starts=(1,), ends=(2,), axes=(0,)),
        lambda net, x: net.add("Add", x, net.add("Slice", x, starts=(1,), ends=(2,), axes=(0,))),
        lambda net, x: net.add("Add", x, net.weight(numbers(2, 3, 4))),
        lambda net, x: net.add("Expand", x, shape=(2, 3, 4)),
        lambda net, x: net.add("Tile", x, repeats=(2, 1, 1)),
        lambda net, x: net.add("Concat", x, net.weight(numbers(1, 3, 4)), axis=0),
        lambda net, x: net.add("Transpose", x, perm=(1, 0, 2)),
        lambda net, x: net.add("Identity", net.weight(numbers(2, 3, 4))),
        lambda net, x: net.weight(numbers(2, 3, 4)),
        lambda net, x: net.add("LRN", net.add("Transpose", x, perm=(1, 0, 2)), size=3),
    ],
)
def test_it_is_fixed_where_a_number_depends_on_it_or_images_are_mixed(build):
    assert types(build, 2, 3, 4) == {}


def test_a_batch_of_one_is_no_constant_that_is_broadcast():
    assert types(lambda net, x: net.add("Reshape", x, shape=(1, 12)), 1, 3, 4) == {}
    assert types(lambda net, x: net.add("Reshape", x, shape=(12,)), 1, 3, 4) == {}


def test_a_window_over_the_batch_is_no_window_over_an_image():
    def build(net: Builder, x: Value) -> Value:
        turned = net.add("Transpose", x, perm=(1, 2, 0, 3))
        pooled = net.add("MaxPool", turned, **CONV)
        return net.add("Transpose", pooled, perm=(2, 0, 1, 3))

    assert types(build, 2, 3, 4, 4) == {}


def test_inputs_have_one_batch_or_none_is_free():
    net = Builder("net")
    a, b = net.input("a", (2, 3)), net.input("b", (4, 3))
    assert free_batch(net.finish([net.add("Relu", a), net.add("Relu", b)])) == {}
    scalar = Builder("net")
    assert free_batch(scalar.finish([scalar.add("Relu", scalar.input("x", ()))])) == {}
