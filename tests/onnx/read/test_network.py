"""What a model that is read must be, and what is said of one that is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.errors import InvalidInputError, UnsupportedError, UsageError
from pipeline.graph.builder import Builder
from pipeline.graph.values import Origin
from pipeline.onnx.files import OnnxModel
from pipeline.onnx.read import READS, read
from pipeline.onnx.schema import AttributeProto, ModelProto, NodeProto, TensorProto
from pipeline.onnx.write import WRITES, write
from tests.support import numbers, refused


def model() -> OnnxModel:
    net = Builder("net")
    with net.at("fc", Origin("classifier.0", "nn.Linear")):
        fc = net.add("Gemm", net.input("x", (2, 3)), net.weight(numbers(4, 3)), transB=1)
    flat = net.add("Reshape", net.add("LeakyRelu", fc, name="relu", alpha=0.25), shape=(0, 4), name="flat")
    return write(net.finish([flat]))


def changed(change: Callable[[ModelProto], object]) -> OnnxModel:
    found = model()
    change(found.proto)
    return found


def test_whatever_is_written_is_read():
    assert set(WRITES) == set(READS)


def test_a_free_batch_is_one_image_where_nothing_else_is_said():
    assert [value.shape for value in read(model()).inputs] == [(1, 3)]
    assert [value.shape for value in read(model(), {"x": (5, 3)}).outputs] == [(5, 4)]


def test_a_node_comes_from_the_module_that_the_model_names_else_from_itself():
    assert read(model()).nodes[0].origin == Origin("classifier.0", "nn.Linear")
    silent = changed(lambda proto: proto.ClearField("metadata_props"))
    assert read(silent).nodes[0].origin == Origin("fc", "Gemm")


@pytest.mark.parametrize("text", ["", "[]", '{"fc": 1}', '{"fc": ["a"]}', "[" * 100_000])
def test_origins_in_another_form_are_not_believed(text):
    odd = changed(lambda proto: setattr(proto.metadata_props[0], "value", text))
    assert read(odd).nodes[0].origin == Origin("fc", "Gemm")


def refusal(change: Callable[[ModelProto], object]) -> str:
    (problem,) = refused(read, changed(change))
    return f"{problem.origin}: {problem.reason}"


def test_another_opset_is_refused():
    assert refusal(lambda proto: setattr(proto.opset_import[0], "version", 13)).startswith("opset 13")


def test_an_operator_or_a_domain_that_is_not_known_is_refused_by_name():
    assert "Loop is not supported" in refusal(lambda proto: setattr(proto.graph.node[1], "op_type", "Loop"))
    told = refusal(lambda proto: setattr(proto.graph.node[1], "domain", "com.x"))
    assert told == "relu (com.x.LeakyRelu): operator com.x.LeakyRelu is not supported"


def test_an_attribute_that_is_not_known_is_refused_by_name():
    more = AttributeProto(name="auto_pad", type=AttributeProto.STRING, s=b"SAME_UPPER")
    assert "LeakyRelu.auto_pad" in refusal(lambda proto: proto.graph.node[1].attribute.append(more))


def test_an_attribute_of_another_type_is_refused():
    graph = AttributeProto(name="alpha", type=AttributeProto.TENSOR, t=TensorProto())
    odd = [graph]
    assert "LeakyRelu.alpha" in refusal(lambda proto: proto.graph.node[1].MergeFrom(NodeProto(attribute=odd)))


def test_a_shape_that_is_computed_is_refused():
    assert "Reshape.shape is computed" in refusal(lambda proto: proto.graph.node[2].input.__setitem__(1, "fc"))


@pytest.mark.parametrize(
    "change",
    [
        lambda proto: setattr(proto.graph.node[0], "op_type", "Conv"),
        lambda proto: proto.graph.node[0].input.pop(),
        lambda proto: proto.graph.node[1].output.append("more"),
        lambda proto: proto.graph.output.add(name="nothing"),
        lambda proto: proto.graph.input[0].type.tensor_type.shape.dim[1].ClearField("value"),
    ],
)
def test_nodes_that_do_not_fit_are_no_model(change):
    with pytest.raises((InvalidInputError, UnsupportedError)):
        read(changed(change))


def test_an_input_that_the_model_does_not_have_is_a_mistake():
    with pytest.raises(UsageError, match="no input y"):
        read(model(), {"y": (1, 3)})


def test_a_weight_is_read_as_it_lies():
    found = model()
    assert np.shares_memory(read(found).weights["fc_weight"], found.weights["fc_weight"])
