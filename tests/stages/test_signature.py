import json

from pipeline.graph.builder import Builder
from pipeline.stages import signature


def test_a_signature_keeps_the_originals_order_and_element_type(tmp_path):
    net = Builder()
    a, b = net.input("a", (2, 3)), net.input("b", (), "int64")
    described = signature.of_graph(net.finish([net.add("Relu", a, name="y"), b]), "float64")
    assert [port["dtype"] for port in described["inputs"]] == ["float64", "int64"]
    assert [port["name"] for port in described["outputs"]] == ["y", "b"]
    full = signature.with_blobs(described, "caffe_blob", ["a", "b"], ["y_1", "b_1"])
    signature.write(tmp_path, full)
    assert signature.read(tmp_path) == full == json.loads((tmp_path / "signature.json").read_text())
    assert signature.blobs(full, "outputs", "caffe_blob") == ["y_1", "b_1"]


def test_a_folder_without_a_signature_has_none(tmp_path):
    assert signature.read(tmp_path) is None
