"""Nets of other writers: their habits are understood, and what is not understood is named."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.caffe2.files import Caffe2Net
from pipeline.caffe2.read import READS, read
from pipeline.caffe2.schema import NetDef, OperatorDef
from pipeline.caffe2.write import write
from pipeline.caffe2.write.builder import argument
from pipeline.errors import InvalidInputError, PipelineError, UsageError
from pipeline.graph.evaluation import run
from tests.graph.nets import CASES
from tests.support import numbers, refused


def op(kind: str, inputs: str, outputs: str, **arguments) -> OperatorDef:
    args = [argument(name, value) for name, value in arguments.items()]
    return OperatorDef(type=kind, input=inputs.split(), output=outputs.split(), arg=args)


def net(*ops: OperatorDef, outputs: str = "y", **weights: np.ndarray) -> Caffe2Net:
    predict = NetDef(name="net", op=ops, external_input=["x", *weights], external_output=outputs.split())
    return Caffe2Net(predict, weights)


def computed(made: Caffe2Net, x: np.ndarray) -> np.ndarray:
    return run(read(made, {"x": x.shape}), [x])[0]


def problems(made: Caffe2Net, *shape: int) -> list[str]:
    found = refused(lambda given: read(given, {"x": shape}), made)
    return [f"{problem.origin}: {problem.reason}" for problem in found]


def test_a_net_as_caffe_translator_writes_it_is_understood():
    w, scale, fc = numbers(4, 3, 3, 3), numbers(4), numbers(5, 4)
    made = net(
        op("Conv", "x conv_w conv_b", "conv", kernel=3, stride=1, pad=1, order="NCHW"),
        op("Relu", "conv", "conv"),
        op("MaxPool", "conv", "pool", kernel=3, stride=2, order="NCHW", legacy_pad=3),
        op("LRN", "pool", "norm _norm_scale", size=3, alpha=0.5, beta=0.75, bias=1.0, order="NCHW"),
        op("SpatialBN", "norm s b m v", "bn", is_test=1, epsilon=1e-3, order="NCHW"),
        op("Mul", "bn s", "scale_internal", axis=1, broadcast=1),
        op("Add", "scale_internal b", "scale", axis=1, broadcast=1),
        op("Concat", "scale scale", "both _both_dims", order="NCHW"),
        op("Dropout", "both", "both _both_mask", is_test=1),
        op("AveragePool", "both", "global", kernel=0, stride=1, global_pooling=1, order="NCHW", legacy_pad=3),
        op("FC", "global fc_w fc_b", "fc"),
        op("Softmax", "fc", "y"),
        conv_w=w, conv_b=numbers(4), s=scale, b=-scale, m=scale / 2, v=np.abs(scale) + 0.5,
        fc_w=np.tile(fc, (1, 2)), fc_b=numbers(5), x=np.zeros(1, np.float32),
    )  # fmt: skip
    graph = read(made, {"x": (2, 3, 8, 8)})
    assert [value.shape for value in graph.outputs] == [(2, 5)]
    assert {value.name: value.shape for value in graph.values()}["pool"] == (2, 4, 4, 4)
    assert run(graph, [numbers(2, 3, 8, 8)])[0].sum(axis=1) == pytest.approx([1, 1])
    assert "x" not in graph.weights


def test_the_last_value_of_a_blob_written_in_place_has_its_name():
    graph = read(net(op("Exp", "x", "y"), op("Relu", "y", "y"), op("Negative", "y", "y")), {"x": (2, 3)})
    assert [(node.operator.name, node.output.name) for node in graph.nodes] == [
        ("Exp", "y_Exp"),
        ("Relu", "y_Relu"),
        ("Neg", "y"),
    ]


def test_an_input_written_in_place_keeps_its_name():
    graph = read(net(op("Relu", "x", "x"), op("Exp", "x", "y")), {"x": (2, 3)})
    assert [value.name for value in graph.inputs] == ["x"]
    assert [value.name for value in graph.values()] == ["x_Relu", "y"]


def test_a_nodes_origin_is_its_blob_and_type():
    graph = read(net(op("Relu", "x", "y")), {"x": (2, 3)})
    assert str(graph.nodes[0].origin) == "y (Relu)"


def test_inner_names_do_not_take_those_of_blobs():
    made = net(op("NE", "x w", "z"), op("Cast", "z", "z_equal", to=1), op("Relu", "z_equal", "y"), w=numbers(3))
    assert {"z", "z_equal", "y"} <= {value.name for value in read(made, {"x": (2, 3)}).values()}


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        ("Sqr", {}, lambda x: x * x),
        ("Rsqrt", {}, lambda x: 1 / np.sqrt(x)),
        ("ReluN", {"n": 0.5}, lambda x: np.clip(x, 0, 0.5)),
        ("Swish", {}, lambda x: x / (1 + np.exp(-x))),
        ("Softplus", {}, lambda x: np.log1p(np.exp(x))),
        ("StopGradient", {}, lambda x: x),
        ("Scale", {"scale": 2.5}, lambda x: 2.5 * x),
        ("FlattenToVec", {}, lambda x: x.ravel()),
        ("NCHW2NHWC", {}, lambda x: x.transpose(0, 2, 3, 1)),
        ("NHWC2NCHW", {}, lambda x: x.transpose(0, 3, 1, 2)),
        ("Transpose", {}, lambda x: x.transpose(3, 2, 1, 0)),
        ("ReduceBackSum", {"num_reduce_dims": 2}, lambda x: x.sum((2, 3))),
        ("ReduceFrontMean", {}, lambda x: x.mean(0)),
        ("ReduceSum", {"keepdims": 0}, lambda x: x.sum()),
        ("Slice", {"starts": (0, 1, 0, -3), "ends": (-1, 3, -2, -1)}, lambda x: x[:, 1:3, :-1, -2:]),
        ("Split", {"axis": 1}, lambda x: x),
        ("ChannelShuffle", {"group": 2}, lambda x: x[:, [0, 2, 1, 3]]),
        ("NormalizeL1", {"axis": 1}, lambda x: x / np.abs(x).sum(1, keepdims=True)),
        ("ConstantFill", {"value": 3.0}, lambda x: np.full_like(x, 3)),
        ("Softmax", {"axis": 2}, lambda x: np.exp(x) / np.exp(x).sum((2, 3), keepdims=True)),
        ("PadImage", {"pad_t": 1, "pad_r": 2}, lambda x: np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 2)))),
        ("Tile", {"tiles": 2, "axis": 1}, lambda x: np.concatenate([x, x], 1)),
        ("ResizeNearest", {"width_scale": 2.0}, lambda x: x.repeat(2, axis=3)),
    ],
)
def test_operators_that_we_do_not_write_are_read(kind, arguments, expected):
    x = np.abs(numbers(2, 4, 3, 5)) + 0.1
    np.testing.assert_allclose(computed(net(op(kind, "x", "y", **arguments)), x), expected(x), rtol=1e-5)


def test_operators_of_several_inputs_that_we_do_not_write_are_read():
    x, w = numbers(2, 3, 4), numbers(4)
    np.testing.assert_array_equal(computed(net(op("LE", "x w", "y"), w=w), x), x <= w)
    np.testing.assert_array_equal(computed(net(op("Add", "x w", "y", broadcast=1), w=w), x), x + w)
    weighted = net(op("WeightedSum", "x a x b", "y"), a=np.array([2.0], np.float32), b=np.array([3.0], np.float32))
    np.testing.assert_allclose(computed(weighted, x), 5 * x, rtol=1e-6)
    added = net(op("Concat", "x x", "y _", axis=0, add_axis=1))
    np.testing.assert_array_equal(computed(added, x), np.stack([x, x]))
    product = net(op("MatMul", "x w", "y", axis_a=2, trans_b=1), w=numbers(5, 4))
    np.testing.assert_allclose(computed(product, x), x.reshape(6, 4) @ numbers(5, 4).T, rtol=1e-5)
    linear = net(op("FC", "x w b", "y", axis=2), w=numbers(5, 4), b=numbers(5))
    np.testing.assert_allclose(computed(linear, x), x @ numbers(5, 4).T + numbers(5), rtol=1e-5)
    shape = net(op("Reshape", "x s", "y _"), s=np.array([0, -1], np.int64))
    assert computed(shape, x).shape == (2, 12)
    batches = net(op("BatchMatMul", "x w", "y", trans_a=1), w=numbers(2, 3, 5))
    np.testing.assert_allclose(computed(batches, x), x.swapaxes(1, 2) @ numbers(2, 3, 5), rtol=1e-5)


def test_every_unknown_operator_is_named_and_what_depends_on_it_is_not():
    made = net(op("Foo", "x", "a"), op("Relu", "a", "b"), op("Bar", "b", "c"), op("Baz", "x", "y"))
    assert problems(made, 2, 3) == [
        "a (Foo): operator Foo is not supported",
        "c (Bar): operator Bar is not supported",
        "y (Baz): operator Baz is not supported",
    ]


def test_every_argument_that_nothing_reads_is_named():
    made = net(op("Relu", "x", "a", foo=1, bar=2.0), op("Conv", "a w", "y", kernel=1, baz=3), w=numbers(2, 3, 1, 1))
    assert problems(made, 1, 3, 4, 4) == [
        "a (Relu): argument Relu.foo is not supported",
        "a (Relu): argument Relu.bar is not supported",
        "y (Conv): argument Conv.baz is not supported",
    ]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (op("LeakyRelu", "x", "y", alpha=1), "LeakyRelu.alpha is not in the field `f`"),
        (op("TopK", "x", "y i", k=1.0), "TopK.k is not in the field `i`"),
        (op("TopK", "x", "y i"), "TopK.k is missing"),
        (op("Transpose", "x", "y", order="NHWC"), "Transpose.order is not NCHW"),
        (op("Dropout", "x", "y"), "at random"),
        (op("SpatialBN", "x w w w w", "y"), "SpatialBN.is_test"),
        (op("MaxPool", "x", "y", kernel=2, dilation=2), "MaxPool.dilation"),
        (op("MaxPool", "x", "y", kernel=2, legacy_pad=2), "MaxPool.legacy_pad"),
        (op("MaxPool", "x", "y", kernel=2, stride=3, legacy_pad=3), "outside the image"),
        (op("AveragePool", "x", "y", kernel=2, pad=1, count_include_pad=1), "count_include_pad"),
        (op("ConvTranspose", "x w", "y", kernel=1, group=3), "ConvTranspose.group"),
        (op("Cast", "x", "y", to=13), "Cast.to is 13"),
        (op("PadImage", "x", "y", mode="reflect", pad=3), "further than the image"),
        (op("Reshape", "x x", "y _"), "computed"),
        (op("ResizeNearest", "x", "y", height_scale=1e9), "scale"),
        (op("Conv", "x w", "y", kernels=(1,)), "1 numbers for 2 axes"),
    ],
)
def test_what_caffe2_would_not_compute_alike_is_refused(made, reason):
    (problem,) = problems(net(made, w=numbers(3, 1, 1, 1)), 1, 3, 3, 3)
    assert reason in problem


def test_a_side_output_cannot_be_taken():
    made = net(op("Reshape", "x", "a old", shape=(0, -1)), op("Cast", "old", "y", to=1))
    assert problems(made, 2, 3, 4) == ["y (Cast): its input old holds nothing that is supported"]


def test_operators_that_do_not_fit_each_other_are_damage():
    with pytest.raises(InvalidInputError) as caught:
        read(net(op("Conv", "x w", "y", kernel=3), w=numbers(2, 5, 3, 3)), {"x": (1, 3, 8, 8)})
    assert caught.value.where == "y (Conv)" and "(1, 3, 8, 8)" not in caught.value.what


def test_an_input_of_unknown_shape_is_asked_for():
    with pytest.raises(UsageError) as caught:
        read(net(op("Relu", "x", "y")), {})
    assert "x" in caught.value.what and "--input x=" in caught.value.advice


def test_an_input_that_the_net_does_not_have_is_refused():
    with pytest.raises(UsageError):
        read(net(op("Relu", "x", "y")), {"x": (1, 2), "z": (1, 2)})


def test_inputs_keep_the_order_of_the_net():
    made = Caffe2Net(NetDef(op=[op("Sub", "b a", "y")], external_input=["a", "b"]))
    assert [value.name for value in read(made, {"b": (2,), "a": (2,)}).inputs] == ["a", "b"]


@pytest.mark.parametrize("predict", [NetDef(), NetDef(op=[OperatorDef(type="Relu")])])
def test_a_net_without_operators_or_outputs_is_damage(predict):
    with pytest.raises(InvalidInputError):
        read(Caffe2Net(predict), {})


def test_an_output_that_nothing_makes_is_damage():
    with pytest.raises(InvalidInputError):
        read(net(op("Relu", "x", "y"), outputs="z"), {"x": (2, 3)})


SMALL = [case for case in CASES if len(case.shapes) < 3]


@given(st.data())
@settings(max_examples=300)
def test_a_damaged_net_is_read_or_refused(data):
    graph = data.draw(st.sampled_from(SMALL)).graph()
    written = write(graph)
    predict = copy.deepcopy(written.predict)
    changed = data.draw(st.sampled_from(list(predict.op)))
    numbers = st.sampled_from([-(2**40), -3, -1, 0, 1, 2, 5, 2**31, 2**62])
    for arg in changed.arg:
        if arg.HasField("i") and data.draw(st.booleans()):
            arg.i = data.draw(numbers)
        if arg.ints and data.draw(st.booleans()):
            arg.ints[data.draw(st.integers(0, len(arg.ints) - 1))] = data.draw(numbers)
    if data.draw(st.booleans()):
        changed.type = data.draw(st.sampled_from(list(READS)))
    if data.draw(st.booleans()):
        del (changed.input if data.draw(st.booleans()) else changed.output)[0:1]
    try:
        read(Caffe2Net(predict, written.weights), {value.name: value.shape for value in graph.inputs})
    except PipelineError:
        return
