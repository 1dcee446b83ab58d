"""What a written model is made of: names, places, shapes, and what stands in for what ONNX lacks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.graph.builder import Builder
from pipeline.graph.expansions import EXPANSIONS
from pipeline.graph.operators import OPERATORS, Operator
from pipeline.graph.values import Graph, Origin
from pipeline.onnx.files import OnnxModel
from pipeline.onnx.forms import AS_INPUTS, OPSET, SAME
from pipeline.onnx.schema import ValueInfoProto
from pipeline.onnx.write import WRITES, write
from tests.graph.nets import CHOOSING
from tests.support import numbers, refused

CONV = {"kernel_shape": (3, 3), "strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1)}


def types(model: OnnxModel) -> list[str]:
    return [node.op_type for node in model.proto.graph.node]


def shape(info: ValueInfoProto) -> list[int | str | None]:
    dims = info.type.tensor_type.shape.dim
    return [getattr(dim, kind) if (kind := dim.WhichOneof("value")) else None for dim in dims]


def shapes(model: OnnxModel) -> dict[str, list[int | str | None]]:
    graph = model.proto.graph
    return {info.name: shape(info) for info in (*graph.input, *graph.value_info, *graph.output)}


def one(operator: str, *given: tuple[int, ...], **attributes) -> OnnxModel:
    net = Builder("one")
    inputs = [net.input(f"x{i}", extents) for i, extents in enumerate(given)]
    return write(net.finish([net.add(operator, *inputs, name="y", **attributes)]))


def classifier(batch: int = 2) -> Graph:
    net = Builder("classifier")
    second, first = net.input("second", (batch, 3, 6, 6)), net.input("first", (batch, 3, 6, 6))
    with net.at("1_conv", Origin("features.1", "nn.SpatialConvolution")):
        conv = net.add("Conv", first, net.weight(numbers(4, 3, 3, 3)), net.weight(numbers(4), "bias"), **CONV)
    both = net.add("Concat", conv, second, axis=1, name="concat")
    flat = net.add("Reshape", both, shape=(0, -1), name="flat")
    fc = net.add("Gemm", flat, net.weight(numbers(5, 7 * 36), name="fc_weight"), transB=1, name="fc")
    return net.finish([net.add("LogSoftmax", fc, axis=1, name="prob"), conv])


def test_every_operator_has_a_writer_or_an_expansion_but_those_that_choose():
    assert set(OPERATORS) - {*WRITES, *EXPANSIONS} == {*CHOOSING}


def test_the_table_of_what_is_the_same_is_onnxs_own():
    defs = pytest.importorskip("onnx").defs
    kinds = {"int": "INT", "float": "FLOAT", "str": "STRING", "Ints": "INTS", "Floats": "FLOATS"}
    for operator in SAME:
        schema, moved = defs.get_schema(operator.name, OPSET), AS_INPUTS.get(operator, ())
        theirs = {name: attribute.type.name for name, attribute in schema.attributes.items()}
        ours = {name: kinds[kind] for name, kind in operator.kinds.items() if name not in moved}
        assert ours.items() <= theirs.items(), operator.name
        assert all(not theirs.get(name) for name in moved), operator.name
        assert [_called(i.name) for i in schema.inputs[1 : len(moved) + 1]] == list(moved) or not moved, operator.name


def _called(name: str) -> str:
    return {"K": "k", "constant_value": "value"}.get(name, name)


def test_what_onnx_means_otherwise_or_may_have_otherwise_is_left_at_its_default():
    defs = pytest.importorskip("onnx").defs
    left: dict[str, set[str]] = {}
    for operator in SAME:
        for name in defs.get_schema(operator.name, OPSET).attributes.keys() - operator.kinds.keys():
            left.setdefault(name, set()).add(operator.name)
    assert left == {
        "auto_pad": {"Conv", "ConvTranspose", "MaxPool", "AveragePool", "LpPool"},  # NOTSET: the pads say it
        "output_shape": {"ConvTranspose"},
        "storage_order": {"MaxPool"},  # of indices, which are not asked for
        "seed": {"Dropout"},
        "allowzero": {"Reshape"},  # 0: a size is copied
        "select_last_index": {"ArgMax", "ArgMin"},  # 0: the first of equal ones
        "sorted": {"TopK"},  # 1
        "noop_with_empty_axes": {"ReduceSum"},  # there are axes
    }


def test_values_nodes_and_weights_bear_the_graphs_names():
    model = write(classifier())
    graph = model.proto.graph
    assert graph.name == "classifier"
    assert [node.name for node in graph.node] == ["1_conv", "concat", "flat", "fc", "prob"]
    assert [list(node.output) for node in graph.node] == [["1_conv"], ["concat"], ["flat"], ["fc"], ["prob"]]
    assert list(model.weights) == ["1_conv_weight", "1_conv_bias", "flat_shape", "fc_weight"]
    assert [value.name for value in graph.input] == ["second", "first"]
    assert [value.name for value in graph.output] == ["prob", "1_conv"]


def test_each_node_tells_the_module_that_it_stands_for():
    proto = write(classifier()).proto
    assert proto.graph.node[0].doc_string == "features.1 (nn.SpatialConvolution)"
    (entry,) = proto.metadata_props
    assert entry.key == "origins"
    assert json.loads(entry.value)["1_conv"] == ["features.1", "nn.SpatialConvolution"]


def test_a_graph_without_a_name_gets_one_since_onnx_wants_it():
    net = Builder("")
    assert write(net.finish([net.add("Relu", net.input("x", (2,)), name="y")])).proto.graph.name


def test_the_batch_is_free_where_no_number_depends_on_it():
    found = shapes(write(classifier()))
    assert found == {
        "second": ["batch", 3, 6, 6],
        "first": ["batch", 3, 6, 6],
        "concat": ["batch", 7, 6, 6],
        "flat": ["batch", 252],
        "fc": ["batch", 5],
        "prob": ["batch", 5],
        "1_conv": ["batch", 4, 6, 6],
    }


def test_an_extent_that_grows_with_the_batch_is_left_open():
    net = Builder("net")
    rows = net.add("Reshape", net.input("x", (2, 3, 4)), shape=(-1, 4), name="rows")
    model = write(net.finish([net.add("Reshape", rows, shape=(-1, 3, 4), name="y")]))
    assert shapes(model) == {"x": ["batch", 3, 4], "rows": [None, 4], "y": ["batch", 3, 4]}


def test_the_batch_is_fixed_where_the_network_fixes_it():
    assert shapes(one("Reshape", (2, 6), shape=(4, 3))) == {"x0": [2, 6], "y": [4, 3]}


def test_a_scalar_has_a_shape_too():
    model = one("ReduceSum", (3,), axes=(0,), keepdims=0)
    assert model.proto.graph.output[0].type.tensor_type.HasField("shape")


def test_nothing_is_copied_of_the_weights():
    graph = classifier()
    for name, stored in write(graph).weights.items():
        assert name not in graph.weights or stored is graph.weights[name]


def test_the_same_graph_gives_the_same_bytes():
    first, again = write(classifier()).proto, write(classifier()).proto
    assert first.SerializeToString(deterministic=True) == again.SerializeToString(deterministic=True)


def test_outputs_that_no_node_makes_or_that_are_given_twice_are_copied():
    net = Builder("net")
    x, w = net.input("x", (2, 3)), net.weight(numbers(3), name="w")
    y = net.add("Relu", x, name="y")
    graph = write(net.finish([x, y, w, y])).proto.graph
    assert [value.name for value in graph.output] == ["x_output", "y", "w_output", "y_output"]
    assert [node.op_type for node in graph.node] == ["Relu", "Identity", "Identity", "Identity"]


def test_names_of_constants_give_way_to_values_and_weights():
    net = Builder("net")
    x = net.input("y_shape", (2, 6))
    y = net.add("Reshape", x, shape=(3, 4), name="y")
    model = write(net.finish([net.add("Mul", y, net.weight(numbers(4), name="y_shape_2"), name="z")]))
    assert list(model.weights) == ["y_shape_3", "y_shape_2"]


POOL = {"kernel_shape": (2, 2), "strides": (2, 2)}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (one("MaxPool", (1, 1, 5, 5), **POOL, pads=(0,) * 4, dilations=(1, 1), ceil_mode=1), ["MaxPool"]),
        (one("MaxPool", (1, 1, 5, 5), **POOL, pads=(0, 0, -2, 0), dilations=(1, 1)), ["Pad", "MaxPool"]),
        (one("MaxPool", (1, 1, 5, 5), **POOL, pads=(2, 0, 0, 0), dilations=(2, 1)), ["Pad", "MaxPool"]),
        (one("AveragePool", (1, 1, 5, 5), **POOL, pads=(2, 0, 0, 0)), ["Pad", "AveragePool", "Mul"]),
        (one("Im2Col", (1, 2, 5, 5), **POOL, pads=(0,) * 4, dilations=(1, 1)), ["Conv"]),
        (one("Pad", (1, 1, 3, 3), pads=(0, 0, 2, 2, 0, 0, 2, 2), mode="reflect"), ["Pad"]),
        (one("Pad", (1, 1, 3, 3), pads=(0, 0, 3, 0, 0, 0, 0, 0), mode="reflect"), ["Gather"]),
        (one("LRN", (1, 4, 3, 3), size=4), ["Mul", "Reshape", "AveragePool", "Reshape", "Mul", "Add", "Pow", "Div"]),
        (one("Resize", (1, 1, 8, 8), scales=(1.0, 1.0, 1.1, 2.0)), ["Gather", "Gather"]),
        (one("Resize", (1, 1, 8, 8), scales=(1.0, 1.0, 2.0, 2.0)), ["Resize"]),
    ],
)
def test_what_onnx_lacks_is_written_as_what_it_has(model, expected):
    assert types(model) == expected


def test_what_cannot_be_written_is_named_with_all_else_that_cannot():
    class Riddle(Operator):
        name = "Riddle"

        def infer(self, x):
            return x.type

    net = Builder("net")
    y = net.input("x", (2, 3))
    for number in range(2):
        with net.at(f"riddle{number}", Origin(f"layers.{number}", "nn.Riddle")):
            y = net.add(Riddle(), y)
    problems = refused(write, net.finish([y]))
    assert [problem.origin for problem in problems] == ["layers.0 (nn.Riddle)", "layers.1 (nn.Riddle)"]
    assert "Riddle has no counterpart in ONNX" in problems[0].reason


def test_missing_scale_and_bias_are_ones_and_zeros():
    net = Builder("net")
    x = net.input("x", (2, 3, 4, 4))
    model = write(net.finish([net.add("InstanceNormalization", x, name="y")]))
    assert {name: array.tolist() for name, array in model.weights.items()} == {"y_scale": [1] * 3, "y_bias": [0] * 3}
    assert all(array.dtype == np.float32 for array in model.weights.values())
