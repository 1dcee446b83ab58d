"""What the source of a module says, and how it is set."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import util

import numpy as np
import pytest
import torch

from pipeline.graph.operators import Relu
from pipeline.graph.safetensors import read_tensors
from pipeline.graph.values import Graph, Node, Origin
from pipeline.pytorch.code import call, code, flat, lines
from pipeline.pytorch.format import PYTORCH
from pipeline.pytorch.identifiers import MODULE, identifier, word
from pipeline.pytorch.write import write
from tests.graph.nets import STATIC, Net, together
from tests.support import digested
from tests.torch7.fixtures import DATA, io, read, structured

CONV = {"kernel_shape": (3, 3), "strides": (1, 1), "pads": (1, 1, 1, 1), "dilations": (1, 1)}


def graph_of(fixture: str) -> Graph:
    inputs, _ = io(DATA / fixture)
    return read(DATA / fixture / "model.t7", [structured(f"T{i}", inputs) for i in range(len(inputs))])


def at(net: Net, path: str, kind: str, *args: object, **attributes: object):
    with net.at(f"{path}_{kind}", Origin(path, f"nn.{kind}")):
        return net.add(*args, **attributes)


def two_containers() -> Graph:
    net = Net("two")
    x = net.input("input", (2, 3, 8, 8))
    x = at(net, "1.1", "SpatialConvolution", "Conv", x, net.w(4, 3, 3, 3), net.w(4), **CONV)
    x = at(net, "1.2", "ReLU", "Relu", x)
    x = at(net, "2.1", "View", "Reshape", x, shape=(0, -1))
    return net.finish([at(net, "2.2", "Linear", "Gemm", x, net.w(5, 256), net.w(5), transB=1)])


def residual() -> Graph:
    net = Net("residual")
    x = net.input("input", (2, 4, 8, 8))
    y = at(net, "1.branch[1].1", "SpatialConvolution", "Conv", x, net.w(4, 4, 3, 3), None, **CONV)
    y = at(net, "1.branch[1].2", "ReLU", "Relu", y)
    return net.finish([at(net, "2", "CAddTable", "Sum", y, x)])


def shared() -> Graph:
    net = Net("shared")
    a, b = net.input("left", (2, 6)), net.input("right", (2, 6))
    weight, bias = net.w(6, 6), net.w(6)
    a = at(net, "1", "Linear", "Gemm", a, weight, bias, transB=1)
    b = at(net, "2", "Linear", "Gemm", b, weight, bias, transB=1)
    return net.finish([at(net, "3", "Linear", "Gemm", net.add("Add", a, b), weight, net.w(6), transB=1)])


def long_names() -> Graph:
    net = Net("long")
    x = net.input("x", (2, 3))
    y = at(net, "1." * 40 + "1", "Linear", "Gemm", x, net.w(3, 3), None, transB=1)
    z = net.add("Equal", y, net.weight(np.ones((2, 3), np.float32), name="n" * 60), name="z" * 60)
    return net.finish([net.add("Cast", z, to="float32"), net.add("Neg", y, name="k" * 60), y])


def test_containers_of_layers_in_a_row_are_sequentials_in_each_other():
    module = write(two_containers())
    assert list(module.arrays) == ["1.1.weight", "1.1.bias", "2.2.weight", "2.2.bias"]
    assert "class Network(nn.Sequential):" in module.text
    assert '("1", nn.Conv2d(3, 4, 3, padding=1))' in module.text
    assert '("2", nn.Linear(256, 5))' in module.text
    assert "def forward" not in module.text


def test_a_branch_is_a_sequential_and_forward_reads_like_the_network():
    module = write(residual())
    assert list(module.arrays) == ["layer1_branch1.1.weight"]
    (forward,) = [node for node in ast.walk(ast.parse(module.text)) if getattr(node, "name", "") == "forward"]
    assert ast.unparse(forward).splitlines() == [
        "def forward(self, input_):",
        "    x = self.layer1_branch1(input_)",
        "    return x + input_",
    ]


def test_a_layer_that_runs_twice_is_one_and_a_shared_parameter_is_held_once():
    module = write(shared())
    assert module.text.count("nn.Linear") == 2
    assert "x = self.layer1(right)" in module.text
    assert 'self.get_submodule("layer3").weight = owner.weight' in module.text
    assert sorted(module.arrays) == ["layer1.bias", "layer1.weight", "layer3.bias"]


def test_a_batch_normalisation_that_runs_twice_is_one_too():
    net = Net("twice")
    a, b = net.input("left", (2, 3)), net.input("right", (2, 3))
    statistics = [net.w(3), net.w(3), net.w(3), net.w(3, low=0.5)]
    outputs = [
        at(net, path, "BatchNormalization", "BatchNormalization", x, *statistics)
        for path, x in zip("12", (a, b), strict=True)
    ]
    assert write(net.finish(outputs)).text.count("nn.BatchNorm1d(3)") == 1


def test_what_torch7_calls_threshold_is_a_layer():
    module = write(graph_of("Threshold"))
    assert "nn.Threshold(" in module.text
    assert "torch.where" not in module.text


def test_the_same_graph_gives_the_same_bytes_and_true_digests(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written = PYTORCH.write(two_containers(), tmp_path / name)
        assert {each: digested(tmp_path / name / each) for each in written.digests} == written.digests
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert PYTORCH.in_folder(tmp_path / "one") == {role: tmp_path / "one" / f.name for role, f in written.files.items()}


def test_parameters_are_those_of_the_graph_by_their_new_names(tmp_path):
    graph = two_containers()
    found = read_tensors(PYTORCH.write(graph, tmp_path).files["parameters"])
    for name, array in zip(found, graph.weights.values(), strict=True):
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.skipif(util.find_spec("ruff") is None, reason="ruff is not installed")
def test_every_source_is_formatted_and_lint_clean(tmp_path):
    sources = [write(graph).text for graph in (two_containers(), residual(), shared(), long_names())]
    sources += [write(together(STATIC[i : i + 50])).text for i in range(0, 500, 50)]
    for number, text in enumerate(sources):
        (tmp_path / f"model{number}.py").write_text(text)
    for command in (["format", "--check", "--diff"], ["check"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(tmp_path)]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


HOSTILE = (
    '"""\nimport os; os.system("touch hacked")\n"""',
    "x');import os#",
    "a\nb = 1",
    "\\",
    "forward",
    "__init__",
    "été",
    "import",
    "IMPORT",
    "TORCH",
    "self.training",
    "\N{FULLWIDTH LATIN SMALL LETTER A}",
    "{0}%s",
    "",
)


@pytest.mark.parametrize("name", list(filter(None, HOSTILE)))
def test_no_name_in_a_file_becomes_code(name: str):
    harmless, renamed = (renamed_all(two_containers(), chosen) for chosen in ("plain", name))
    before, after = (ast.parse(write(graph).text) for graph in (harmless, renamed))
    kinds = [[type(node).__name__ for node in ast.walk(tree)] for tree in (before, after)]
    assert kinds[0] == kinds[1]
    assert [node.func.attr for node in calls(before)] == [node.func.attr for node in calls(after)]
    assert write(renamed).text.isascii()


def renamed_all(graph: Graph, name: str) -> Graph:
    """Give everything in a graph a name that somebody chose, to do harm perhaps."""
    path = Origin(name, name)
    nodes = tuple(Node(f"{name}{n.name}", n.operator, n.inputs, n.outputs, path) for n in graph.nodes)
    return Graph(name, graph.inputs, graph.outputs, nodes, graph.weights)


def calls(tree: ast.AST) -> list[ast.Call]:
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [node for node in found if isinstance(node.func, ast.Attribute) and node.func.attr != "get_submodule"]


def test_names_of_values_inputs_and_weights_are_harmless_too():
    net = Net('"""\nimport os')
    a = net.input("a; import os", (2, 3))
    b = net.input("lambda", (2, 3))
    w = net.weight(np.ones((2, 3), np.float32), name="w\n_weight")
    y = net.add("Mul", net.add("Add", a, b, name="y = 1\n"), w, name="z)")
    tree = ast.parse(write(net.finish([y, net.add(Relu(), y, name="print('x')")])).text)
    assert not any(isinstance(node, ast.Import) and node.names[0].name != "torch" for node in ast.walk(tree))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert names <= {"nn", "torch", "Path", "load_model", "Network", "network", "weights", "WEIGHTS", "self", "super",
                     "__file__", "a_import_os", "lambda_", "x", "y_1", "z", "yz"}  # fmt: skip


def test_words_are_identifiers_whatever_they_were():
    for name in HOSTILE:
        assert f"_{word(name)}".isidentifier()
        assert identifier(name, "layer").isidentifier()
    assert len(word("a" * 10**6)) < 100


def test_the_names_that_modules_have_already_are_known():
    own = {name for name in dir(torch.nn.Sequential()) if not name.startswith("_")}
    assert own - MODULE == set()


def test_numbers_are_as_short_as_they_can_be_and_the_same_as_float32():
    written = {number: flat(code(number), {}) for number in (0.1, float(np.float32(0.1)), 1e300, 3.4028234663852886e38)}
    assert list(written.values()) == ["0.1", "0.1", "1e300", "3.4028234663852886e38"]
    assert all(np.float32(float(text)) == np.float32(number) for number, text in list(written.items())[:2])


def test_long_calls_are_broken_as_formatters_do():
    long = call("torch.einsum", "a" * 30, *("b" * 20 for _ in range(3)))
    assert lines(long, {}, 1, "x = ")[0] == "    x = torch.einsum("
    assert all(len(line) <= 88 for line in lines(long, {}, 1, "x = "))
    assert flat(call("f", 1, (2,), None, True, 1e-5, dim=0), {}) == "f(1, (2,), None, True, 1e-05, dim=0)"


def test_no_variable_hides_what_the_method_needs():
    net = Net("hiding")
    x = net.input("TORCH", (2, 3))
    y = at(net, "IMPORT", "Linear", "Sigmoid", x)
    z = at(net, "F", "Linear", "Erf", at(net, "NN", "Linear", "Add", x, y))
    text = write(net.finish([net.add("Concat", z, y, x, axis=1)])).text
    (forward,) = [node for node in ast.walk(ast.parse(text)) if getattr(node, "name", "") == "forward"]
    assigned = {node.id for node in ast.walk(forward) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    assert not assigned & {"torch", "nn", "F", "self"}


def pooled(size: int, **more: int) -> str:
    net = Net("pooled")
    x = net.input("x", (1, 2, size, size))
    how = {"kernel_shape": (2, 2), "strides": (2, 2), "pads": (0, 0, 0, 0), "dilations": (1, 1)}
    y = at(net, "1", "SpatialMaxPooling", "MaxPool", x, **how, **more)
    return write(net.finish([at(net, "2", "ReLU", "Relu", y)])).text


def test_pooling_rounds_as_it_did_whatever_the_size_of_the_image():
    assert all("nn.MaxPool2d(2, ceil_mode=True)" in pooled(size, ceil_mode=1) for size in (7, 8))
    assert all("nn.MaxPool2d(2)" in pooled(size, ceil_mode=0) for size in (7, 8))
