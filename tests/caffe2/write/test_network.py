"""What a written net is made of: names, order, parameters, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.caffe2.files import Caffe2Net
from pipeline.caffe2.read import read
from pipeline.caffe2.write import WRITES, write
from pipeline.caffe2.write.builder import argument
from pipeline.errors import UnsupportedError
from pipeline.graph.builder import Builder
from pipeline.graph.evaluation import run
from pipeline.graph.expansions import EXPANSIONS
from pipeline.graph.operators import OPERATORS
from pipeline.graph.values import Graph, Origin
from tests.support import numbers, refused

CONV = {"kernel_shape": (3, 3), "strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1)}


def types(net: Caffe2Net) -> list[str]:
    return [op.type for op in net.predict.op]


def arguments(net: Caffe2Net, index: int = 0) -> dict[str, object]:
    found: dict[str, object] = {}
    for arg in net.predict.op[index].arg:
        given = [field for field, _ in arg.ListFields() if field.name != "name"]
        assert len(given) == 1, arg
        value = getattr(arg, given[0].name)
        found[arg.name] = value if isinstance(value, int | float | bytes) else tuple(value)
    return found


def one(operator: str, *shapes: tuple[int, ...], **attributes) -> Caffe2Net:
    net = Builder("one")
    inputs = [net.input(f"x{i}", shape) for i, shape in enumerate(shapes)]
    return write(net.finish([net.add(operator, *inputs, name="y", **attributes)]))


def classifier() -> Graph:
    net = Builder("classifier")
    second, first = net.input("second", (2, 3, 6, 6)), net.input("first", (2, 3, 6, 6))
    weight, bias = net.weight(numbers(4, 3, 3, 3), name="conv1_weight"), net.weight(numbers(4), name="conv1_bias")
    conv = net.add("Conv", first, weight, bias, name="conv1", **CONV)
    both = net.add("Concat", conv, second, axis=1, name="concat")
    flat = net.add("Reshape", both, shape=(0, -1), name="flat")
    weight, bias = net.weight(numbers(5, 7 * 36), name="fc_weight"), net.weight(numbers(5), name="fc_bias")
    fc = net.add("Gemm", flat, weight, bias, transB=1, name="fc")
    return net.finish([net.add("LogSoftmax", fc, axis=1, name="prob"), conv])


def test_every_operator_of_the_graph_has_a_writer():
    assert {*WRITES, *EXPANSIONS} == set(OPERATORS)


def test_data_inputs_come_first_then_parameters_in_order_of_use():
    net = write(classifier())
    parameters = ["conv1_weight", "conv1_bias", "fc_weight", "fc_bias"]
    assert list(net.predict.external_input) == ["second", "first", *parameters]
    assert list(net.weights) == parameters


def test_all_outputs_are_declared_in_the_graphs_order():
    assert list(write(classifier()).predict.external_output) == ["prob", "conv1"]


def test_blobs_bear_the_names_of_values_and_inner_ones_that_of_the_node():
    outputs = [list(op.output) for op in write(classifier()).predict.op]
    assert outputs[:4] == [["conv1"], ["concat", "concat_split_info"], ["flat", "flat_old_shape"], ["fc"]]
    assert outputs[-1] == ["prob"]
    assert all(name.startswith("prob_") for names in outputs[4:-1] for name in names)


def test_each_blob_is_made_once_and_before_it_is_taken():
    net = write(classifier())
    known = set(net.predict.external_input)
    for op in net.predict.op:
        assert known.issuperset(op.input)
        assert known.isdisjoint(op.output)
        known.update(op.output)
    assert known.issuperset(net.predict.external_output)


def test_nothing_chooses_a_device_an_engine_or_a_kind_of_net():
    predict = write(classifier()).predict
    assert predict.name == "classifier"
    assert not predict.HasField("type") and not predict.HasField("device_option")
    assert not any(op.HasField("engine") or op.HasField("device_option") or op.HasField("name") for op in predict.op)


def test_the_same_graph_gives_the_same_bytes():
    one, other = write(classifier()).predict, write(classifier()).predict
    assert one.SerializeToString(deterministic=True) == other.SerializeToString(deterministic=True)


def test_weights_are_not_copied():
    graph = classifier()
    for name, stored in write(graph).weights.items():
        assert np.shares_memory(stored, graph.weights[name])


def test_a_weight_used_twice_is_stored_once_and_another_form_under_a_name_of_its_own():
    net = Builder()
    x, w = net.input("x", (2, 3, 4, 4)), net.weight(numbers(3, 1, 1), name="w")
    a = net.add("Mul", net.add("Add", x, w, name="a"), w, name="b")
    written = write(net.finish([net.add("Sub", w, a, name="c")]))
    assert {name: stored.shape for name, stored in written.weights.items()} == {"w": (3,), "w_3x1x1": (3, 1, 1)}


def test_inner_names_give_way_to_values_and_weights():
    net = Builder()
    x = net.input("y_old_shape", (2, 4))
    y = net.add("Reshape", x, shape=(4, 2), name="y")
    written = write(net.finish([net.add("Mul", y, net.weight(numbers(2), name="y_old_shape_2"), name="z")]))
    assert list(written.predict.op[0].output) == ["y", "y_old_shape_3"]


def test_an_output_that_is_an_input_a_weight_or_given_twice_is_copied():
    net = Builder()
    x, w = net.input("x", (2, 3)), net.weight(numbers(3), name="w")
    y = net.add("Relu", x, name="y")
    written = write(net.finish([y, x, w, y]))
    assert list(written.predict.external_output) == ["y", "x_output", "w_output", "y_output"]
    assert types(written) == ["Relu", "Copy", "Copy", "Copy"]
    back = read(written, {"x": (2, 3)})
    for found, wanted in zip(run(back, [numbers(2, 3)]), run(net.finish([y, x, w, y]), [numbers(2, 3)]), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_the_batch_size_stays_free():
    written = write(classifier())
    for batch in (1, 5):
        shape = (batch, 3, 6, 6)
        graph = read(written, {"first": shape, "second": shape})
        assert graph.outputs[0].shape == (batch, 5)
        first, second = numbers(*shape), -numbers(*shape)
        assert run(graph, {"first": first, "second": second})[0].shape == (batch, 5)


@pytest.mark.parametrize(
    ("operator", "shape", "attributes"),
    [
        ("Softmax", (2, 3, 4, 5), {"axis": 1}),
        ("InstanceNormalization", (2, 3, 4, 5, 6), {}),
        ("LRN", (2, 7, 5), {"size": 3}),
        ("LRN", (2, 7, 5), {"size": 4}),
        ("Pad", (2, 3, 7), {"pads": (0, 0, 1, 0, 0, 2)}),
        ("Pad", (2, 3, 7), {"pads": (0, 1, 0, 0, 0, 0), "mode": "reflect"}),
        ("DepthToSpace", (2, 8, 3, 4), {"blocksize": 2, "mode": "CRD"}),
        ("MaxPool", (2, 3, 9, 8), {**CONV, "ceil_mode": 1, "dilations": (2, 1)}),
        ("AveragePool", (2, 3, 9), {"kernel_shape": (3,), "strides": (2,), "pads": (1, 1), "count_include_pad": 1}),
    ],
)  # fmt: skip
def test_the_batch_size_stays_free_in_compositions_too(operator, shape, attributes):
    net = Builder()
    graph = net.finish([net.add(operator, net.input("x", shape), name="y", **attributes)])
    other = read(write(graph), {"x": (5, *shape[1:])})
    x = numbers(5, *shape[1:])
    found, wanted = run(other, [x])[0], np.concatenate([run(graph, [x[i : i + 2]])[0] for i in (0, 2, 3)])
    np.testing.assert_allclose(found, np.delete(wanted, 3, axis=0), rtol=1e-5, atol=1e-6)


def test_everything_that_is_refused_is_told_at_once():
    net = Builder()
    x = net.input("x", (2, 3))
    with net.at("a", Origin("features.1", "nn.One")):
        a = net.add("Erf", x)
    with net.at("b", Origin("features.2", "nn.Two")):
        b = net.add("Slice", a, starts=(1,), ends=(1,), axes=(1,))
    graph = net.finish([b])
    first, second = refused(write, graph)
    assert [first.origin, second.origin] == ["features.1 (nn.One)", "features.2 (nn.Two)"]
    assert "Erf" in first.reason and "empty" in second.reason


def test_integers_are_refused_where_caffe2_has_floats_only():
    net = Builder()
    x = net.add("Cast", net.input("x", (2, 3)), to="int64", name="i")
    for operator, attributes in (("Max", {}), ("TopK", {"k": 1}), ("Pad", {"pads": (0, 1, 0, 1)}), ("Pow", {})):
        values = (x, x) if operator in ("Max", "Pow") else (x,)
        graph = net.finish([net.add(operator, *values, name=operator, **attributes)])
        assert any("floats" in problem.reason for problem in refused(write, graph)), operator


def test_an_input_of_integers_is_fed_as_float_and_cast():
    net = Builder()
    indices = net.input("indices", (3,), "int64")
    graph = net.finish([net.add("Gather", net.weight(numbers(4, 2), name="table"), indices, name="rows")])
    written = write(graph)
    assert types(written) == ["Cast", "Gather"]
    found = run(read(written, {"indices": (3,)}), [np.array([3, 0, 1], np.float32)])[0]
    np.testing.assert_array_equal(found, numbers(4, 2)[[3, 0, 1]])


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("Concat", {"axis": 1}),
        ("And", {}),
        ("Not", {}),
        ("Expand", {"shape": (5, 2, 3)}),
        ("Reshape", {"shape": (6,)}),
        ("Slice", {"starts": (1,), "ends": (3,), "axes": (1,)}),
        ("Tile", {"repeats": (1, 2)}),
        ("Transpose", {"perm": (1, 0)}),
    ],
)
def test_inputs_of_bools_are_cast_before_anything_takes_them(operator, attributes):
    net = Builder()
    inputs = [net.input(name, (2, 3), "bool") for name in ("x", "y")]
    taken = inputs if operator in ("Concat", "And") else inputs[:1]
    written = write(net.finish([net.add(operator, *taken, name="made", **attributes)]))
    assert {op.type for op in written.predict.op if {"x", "y"} & set(op.input)} == {"Cast"}


def test_integers_and_floats_stand_in_the_fields_where_caffe2_looks():
    assert arguments(one("LeakyRelu", (2, 3), alpha=1)) == {"alpha": 1.0}
    assert argument("alpha", 1.0).HasField("f") and not argument("alpha", 1.0).HasField("i")
    assert argument("axis", True).i == 1
    assert list(argument("scales", (1, 0.5)).floats) == [1.0, 0.5]
    assert argument("mode", "edge").s == b"edge"


def test_a_constant_takes_its_own_axes_only():
    net = Builder()
    x, w = net.input("x", (2, 3, 4, 5)), net.weight(numbers(3, 1, 1), name="w")
    written = write(net.finish([net.add("Mul", x, w, name="y")]))
    assert arguments(written) == {"broadcast": 1, "axis": 1}
    assert written.weights["w"].shape == (3,)


def test_a_constant_for_a_batch_of_one_fits_any_batch():
    net = Builder()
    x, w = net.input("x", (1, 3, 2)), net.weight(numbers(1, 3, 2), name="w")
    written = write(net.finish([net.add("Add", x, w, name="y")]))
    assert arguments(written) == {"broadcast": 1, "axis": 1}
    assert read(written, {"x": (4, 3, 2)}).outputs[0].shape == (4, 3, 2)


def test_rounded_up_pools_get_pads_at_the_end():
    how = {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
    assert arguments(one("MaxPool", (1, 1, 8, 7), ceil_mode=1, **how))["pads"] == (0, 0, 1, 0)
    assert arguments(one("MaxPool", (1, 1, 8, 7), ceil_mode=0, **how))["pads"] == (0, 0, 0, 0)


def test_what_old_runtimes_get_wrong_is_made_of_what_they_get_right():
    deconvolution = {"kernel_shape": (3, 3), "strides": (2, 2), "pads": (0,) * 4, "output_padding": (0, 0)}
    grouped = one("ConvTranspose", (1, 4, 3, 3), (4, 1, 3, 3), dilations=(1, 1), group=2, **deconvolution)
    assert types(grouped) == ["Split", "Split", "ConvTranspose", "ConvTranspose", "Concat"]
    assert not any(arg.name in ("group", "dilations") for op in grouped.predict.op for arg in op.arg)
    average = one("AveragePool", (1, 1, 6, 6), kernel_shape=(3, 3), strides=(2, 2), pads=(1,) * 4, count_include_pad=1)
    assert types(average) == ["PadImage", "AveragePool"]
    assert types(one("Softplus", (2, 3))).count("Softplus") == 0


def test_a_dilated_kernel_that_is_computed_is_refused():
    how = {"kernel_shape": (3, 3), "strides": (1, 1), "pads": (0,) * 4, "output_padding": (0, 0), "dilations": (2, 1)}
    with pytest.raises(UnsupportedError):
        one("ConvTranspose", (1, 4, 3, 3), (4, 1, 3, 3), **how)


def test_a_net_that_would_run_with_one_number_of_rows_only_is_refused():
    net = Builder("rows")
    x, flags = net.input("x", (6, 4)), net.input("flags", (6,))
    wanted = net.add("Greater", flags, net.constant(0.0), name="wanted")
    chosen = net.add("Compress", x, wanted, name="chosen")
    condition = net.add("Greater", chosen, net.constant(0.0), name="condition")
    row = net.add("ReduceMax", x, axes=(0,), keepdims=1, name="row")
    with pytest.raises(UnsupportedError) as caught:
        write(net.finish([net.add("Where", condition, chosen, row, name="y")]))  # Caffe2 repeats the row six times
    assert len(caught.value.problems) == 1
    assert "how many rows" in caught.value.problems[0].reason
