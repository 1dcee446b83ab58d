import json

import numpy as np
import pytest

from pipeline.graph import signature
from pipeline.graph.builder import Builder
from tests.support import convert
from tests.torch7.writer import nn, save, sequential


def test_a_signature_keeps_the_originals_order_and_element_type(tmp_path):
    net = Builder()
    a, b = net.input("a", (2, 3)), net.input("b", (), "int64")
    described = signature.of_graph(net.finish([net.add("Relu", a, name="y"), b]), "float64")
    assert [port.dtype for port in described.inputs] == ["float64", "int64"]
    assert [port.name for port in described.outputs] == ["y", "b"]
    full = described.with_blobs("caffe", ["a", "b"], ["y_1", "b_1"])
    signature.write(tmp_path, full)
    assert signature.read(tmp_path) == full
    assert json.loads((tmp_path / "signature.json").read_text()) == full.as_json()
    assert full.output_blobs("caffe") == ["y_1", "b_1"]


def test_a_folder_without_a_signature_has_none(tmp_path):
    assert signature.read(tmp_path) is None


@pytest.mark.parametrize(("tensor", "told"), [("Double", "float64"), ("CudaDouble", "float64"), ("Float", "float32")])
def test_the_manifest_tells_the_element_type_that_the_network_took(tmp_path, tensor, told):
    layer = nn("Linear", weight=np.ones((2, 3)), bias=np.ones(2), _type=f"torch.{tensor}Tensor")
    model = save(tmp_path / "net.t7", sequential(layer, _type="torch.FloatTensor"))
    assert convert(model, tmp_path / "out", inputs=["1x3"], verify=False).exit_code == 0
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [port["dtype"] for port in manifest["inputs"]] == [told]
    assert [port["dtype"] for port in manifest["outputs"]] == ["float32"]
