"""The net around the layers: names, inputs and outputs, shared weights, comments, refusals."""

import numpy as np
import pytest

from pipeline.caffe.read import read
from pipeline.caffe.write import emit, write
from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import run
from pipeline.graph.values import Graph, Origin, Value
from tests.caffe.write.check import Case, check, graph_of, numbers, single, window
from tests.support import refused


def cases() -> dict[str, Case]:
    def residual(b: Builder) -> Value:
        x = b.input("x", (2, 3, 8, 8))
        w = b.weight(numbers(3, 3, 3, 3), name="w")
        geometry = window(2, 3, 1, 1, dilations=(1, 1))
        y = b.add("Relu", b.add("Conv", x, w, name="a", **geometry), name="b")
        return b.add("Add", x, b.add("Conv", y, w, name="c", **geometry), name="d")

    def outputs(b: Builder) -> list[Value]:
        x, unused = b.input("x", (2, 3)), b.input("unused", (2,))
        y = b.add("Exp", x, name="y")
        z = b.add("Neg", y, name="a")
        b.add("Abs", unused, name="dead")
        return [y, z, x, y, b.weight(numbers(2, 2), name="w")]

    def tied(b: Builder) -> Value:
        w = numbers(3, 3)
        x = b.add("Gemm", b.input("x", (2, 3)), b.weight(w, name="w"), transB=1, name="a")
        return b.add(
            "Mul", b.add("Gemm", x, b.weight(w, name="w"), transB=1, name="b"), b.weight(w[:2], name="v"), name="c"
        )

    return {"residual": Case(residual), "outputs": Case(outputs), "tied": Case(tied)}


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_the_layers_compute_what_the_graph_does(name):
    check(CASES[name])


def blobs(net) -> tuple[set[str], set[str]]:
    tops = {top for layer in net.net.layer for top in layer.top}
    return tops, {bottom for layer in net.net.layer for bottom in layer.bottom}


def test_what_no_layer_consumes_is_exactly_the_outputs():
    emission = check(CASES["outputs"])
    tops, bottoms = blobs(emission.net)
    assert tops - bottoms == set(emission.outputs)
    assert len(set(emission.outputs)) == 5


def test_an_output_that_is_consumed_too_keeps_its_own_blob():
    emission = check(CASES["outputs"])
    assert emission.outputs == ("y_output", "a", "x_output", "y_output_2", "w")
    assert "y" in blobs(emission.net)[0]


def test_an_output_is_the_first_top_of_its_layer():
    emission = check(single("Split", (2, 6), split=(1, 3, 2), axis=1))
    assert emission.outputs == ("y", "y_2_output", "y_3_output")


def test_inputs_and_outputs_keep_the_order_of_the_graph():
    def build(b: Builder) -> list[Value]:
        z, a = b.input("z", (2, 3)), b.input("a", (2, 3))
        return [b.add("Abs", a, name="y"), b.add("Abs", z, name="x")]

    emission = check(Case(build))
    assert (emission.inputs, emission.outputs) == (("z", "a"), ("y", "x"))


def test_tied_weights_are_shared_by_name():
    layers = {layer.name: layer for layer in write(graph_of(CASES["residual"].build)).net.layer}
    assert [spec.name for spec in layers["a"].param] == [spec.name for spec in layers["c"].param] == ["w"]
    assert layers["a"].param[0].share_mode == layers["a"].param[0].STRICT


def test_tied_weights_of_different_shapes_are_shared_by_size():
    def build(b: Builder) -> list[Value]:
        x, v = b.input("x", (2, 3)), b.weight(numbers(1, 3), name="v")
        as_bias = b.add("Gemm", x, b.weight(numbers(3, 3), name="w"), v, transB=1, name="a")
        return [as_bias, b.add("Gemm", x, v, transB=1, name="b")]

    net = check(Case(build)).net
    (weight, bias), (shared,) = (layer.param for layer in net.net.layer if layer.param)
    assert (weight.name, bias.name, shared.name) == ("", "v", "v")
    assert bias.share_mode == shared.share_mode == shared.PERMISSIVE
    assert (net.blobs["a"][1].shape, net.blobs["b"][0].shape) == ((3,), (1, 3))


def test_a_layer_bears_the_name_of_its_node_and_the_others_a_part():
    net = emit(graph_of(single("LogSoftmax", (2, 3)).build)).net.net
    names = [layer.name for layer in net.layer]
    assert names[-1] == "y"
    assert all(name.startswith("y_") for name in names[1:-1])
    assert net.layer[-1].top == ["y"]


def test_names_inside_a_node_give_way_to_those_of_the_graph():
    def build(b: Builder) -> Value:
        x = b.add("Abs", b.input("y_absval", (2, 3)), name="y_power")
        return b.add("Softsign", x, name="y")

    tops, _ = blobs(check(Case(build)).net)
    assert {"y_absval", "y_absval_2", "y_power", "y_power_2", "y"} <= tops


def test_a_comment_says_where_a_layer_comes_from():
    def build(b: Builder) -> Value:
        x = b.input("x", (2, 3))
        with b.at("1_relu", Origin("features.1", "nn.ReLU")):
            return b.add("Relu", x)

    assert emit(graph_of(build)).comments == {"1_relu": "features.1 (nn.ReLU)"}


def test_weights_are_views():
    w = numbers(4, 3)
    net = write(graph_of(lambda b: b.add("Gemm", b.input("x", (2, 3)), b.weight(w, name="w"), transB=1, name="y")))
    assert np.shares_memory(net.blobs["y"][0], w)


def hopeless(b: Builder) -> Value:
    with b.at("a", Origin("1", "nn.A")):
        x = b.add("Floor", b.input("x", (2, 3)))
    with b.at("b", Origin("2", "nn.B")):
        y = b.add("Pow", x, x)
    with b.at("c", Origin("3", "nn.C")):
        return b.add("Relu", y)


def test_everything_that_cannot_be_written_is_refused_at_once():
    assert [problem.origin for problem in refused(write, graph_of(hopeless))] == ["1 (nn.A)", "2 (nn.B)"]


@pytest.mark.parametrize(
    "case",
    [
        single("MaxRoiPool", (1, 2, 5, 5), (3, 5), pooled_shape=(2, 2)),
        single("Erf", (2, 3)),
        single("Cast", (2, 3), to="int64"),
        single("Div", ("int64", (2,)), ("int64", (2,))),
        single("Conv", (1, 2, 5, 5), (3, 2, 3, 3), **window(2, dilations=(1, 1))),
        single("Slice", (2, 3), starts=(1,), ends=(1,), axes=(0,)),
        single("Where", ("bool", (2,)), (2,), np.array(np.inf, np.float32)),
    ],
)
def test_what_caffe_cannot_express_is_refused_with_a_reason(case):
    (problem,) = refused(write, graph_of(case.build))
    assert problem.reason


def test_the_batch_size_is_not_fixed():
    weights = numbers(4, 3, 3, 3)

    def of_batch(size: int) -> Graph:
        def build(b: Builder) -> Value:
            x, w = b.input("x", (size, 3, 8, 8)), b.weight(weights, name="w")
            x = b.add("Conv", x, w, name="c", **window(2, dilations=(1, 1)))
            x = b.add("InstanceNormalization", b.add("Transpose", x, perm=(0, 1, 3, 2), name="t"), name="i")
            x = b.add("Resize", x, scales=(1.0, 1.0, 1.5, 1.5), mode="linear", name="r")
            x = b.add("MaxPool", x, name="p", **window(2, 2, 2, dilations=(1, 1)))
            x = b.add("Reshape", b.add("LogSoftmax", x, axis=1, name="l"), shape=(0, -1, 2), name="v")
            return b.add("ReduceSum", x, axes=(1,), name="s")

        return graph_of(build)

    x = numbers(5, 3, 8, 8)
    again = read(write(of_batch(2)), {"x": x.shape})
    np.testing.assert_allclose(run(again, [x])[0], run(of_batch(5), [x])[0], rtol=1e-4, atol=1e-5)
