from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import torch2caffe2
from tests.support import convert

DEMO = Path(__file__).parents[1] / "data" / "demo"
MODEL = DEMO / "model.t7"
OUTPUT = "11_LogSoftMax"
FORMATS = ("graph", "caffe", "caffe2", "onnx")


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    with np.load(DEMO / "io.npz") as io:
        return io["in0"].astype(np.float32)


@pytest.fixture(scope="module")
def y() -> np.ndarray:
    with np.load(DEMO / "io.npz") as io:
        return io["out0"]


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library") / "converted"
    asked = {"inputs": ("2x1x32x32",), "to": ("caffe2", "onnx"), "verify": False}
    assert convert(MODEL, folder, **asked).exit_code == 0
    return folder


def test_a_file_is_looked_at_without_its_shapes() -> None:
    model = torch2caffe2.open(MODEL)
    assert (model.format, model.path) == ("t7", MODEL)
    assert [part.kind for part in model.layers][:3] == ["nn.Sequential", "nn.SpatialConvolutionMM", "nn.Tanh"]
    assert model.inspect().parameters == 9634


def test_a_t7_is_read_for_the_shapes_of_what_it_is_run_on(x: np.ndarray, y: np.ndarray) -> None:
    model = torch2caffe2.open(str(MODEL))
    np.testing.assert_allclose(model.run(x)[OUTPUT], y, rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.run([x[:1]])[OUTPUT], y[:1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [{"input": "2x1x32x32"}, np.array([2, 1, 32, 32]), list(np.array([2, 1, 32, 32]))])
def test_a_shape_may_be_text_by_name_or_of_numpys_numbers(shape: Any) -> None:
    assert torch2caffe2.open(MODEL, inputs=shape).shapes[OUTPUT] == (2, 10)


@pytest.mark.parametrize("shape", [5, (1, 1, 32.0, 32), (1, None), {"input": 5}, [(1, 2), 3]])
def test_what_is_no_shape_is_refused(shape: Any) -> None:
    with pytest.raises(torch2caffe2.UsageError, match="is no shape of an input"):
        torch2caffe2.open(MODEL, inputs=shape)


@pytest.mark.parametrize("name", FORMATS)
def test_what_was_made_gives_the_numbers_of_the_original(
    name: str, converted: Path, x: np.ndarray, y: np.ndarray
) -> None:
    model = torch2caffe2.open(converted, format=name)
    assert model.format == name
    (given,) = model.graph.inputs
    (found,) = model.run({given.name: x}).values()
    np.testing.assert_allclose(found, y, rtol=0, atol=1e-5)


def test_every_value_is_given_with_its_shape(x: np.ndarray) -> None:
    model = torch2caffe2.open(MODEL, inputs=x.shape)
    values = model.run(x, every=True)
    assert next(iter(values)) == "1_SpatialConvolutionMM"
    assert {name: array.shape for name, array in values.items()} == {
        name: shape for name, shape in model.shapes.items() if name in values
    }


def test_inputs_of_another_shape_are_refused(x: np.ndarray) -> None:
    model = torch2caffe2.open(MODEL, inputs="2x1x32x32")
    with pytest.raises(torch2caffe2.UsageError, match=r"the shape of .* is 1x1x32x32, but the network takes 2x1x32x32"):
        model.run(x[:1])


def test_two_networks_are_compared_by_meaning(converted: Path) -> None:
    same = torch2caffe2.diff(MODEL, torch2caffe2.open(converted, format="caffe"))
    assert (same.same, same.numbers is not None) == (True, True)


@pytest.mark.parametrize(
    "asked",
    [
        {"limits": 5},
        {"limits": [5]},
        {"limits": "nodes=many"},
        {"plugins": 5},
        {"plugins": "a\0b"},
        {"plugins": "\ud800"},
        {"weights": np.zeros(3)},
        {"root": 5},
        {"root": ["model", "net"]},
        {"format": ["caffe"]},
    ],
)
def test_a_setting_that_is_none_is_refused_by_its_name(asked: dict[str, Any]) -> None:
    with pytest.raises(torch2caffe2.UsageError, match=rf"{next(iter(asked)).rstrip('s')}s? cannot be"):
        torch2caffe2.open(MODEL, **asked)


class _OfBytes:
    def __fspath__(self) -> bytes:
        return b"model.t7"


_ENDLESS = list[Any]()
_ENDLESS.append(_ENDLESS)
_NO_PATHS = (5, "a\0b", "\ud800", b"model.t7", _OfBytes(), _ENDLESS, None)


@pytest.mark.parametrize("value", _NO_PATHS, ids=map(ascii, range(len(_NO_PATHS))))
def test_what_is_no_path_is_refused_by_every_call(value: Any) -> None:
    at = torch2caffe2.Conversion.at
    for call in (torch2caffe2.open, torch2caffe2.scan, torch2caffe2.plan, at, torch2caffe2.resume, torch2caffe2.verify):
        with pytest.raises(torch2caffe2.UsageError, match=r"cannot be|no model was given"):
            call(value)


def test_a_name_that_no_file_can_have_is_refused() -> None:
    at = torch2caffe2.Conversion.at
    for call in (torch2caffe2.open, torch2caffe2.scan, torch2caffe2.plan, torch2caffe2.convert, at):
        with pytest.raises(torch2caffe2.PipelineError, match=r"failed|cannot be read"):
            call("x" * 5000)
    with pytest.raises(torch2caffe2.PipelineError, match="planning failed"):
        torch2caffe2.plan(MODEL, inputs="2x1x32x32", output="x" * 5000)


@pytest.mark.parametrize("feeds", [5, "x", [["a"]], [[1, [2]]], {"input": object()}, {5: np.zeros(3)}, [_ENDLESS]])
def test_what_is_no_array_of_numbers_is_no_input(feeds: Any) -> None:
    with pytest.raises(torch2caffe2.UsageError, match=r"no array|input is scalar|inputs 5 are"):
        torch2caffe2.open(MODEL, inputs="2x1x32x32").run(feeds)


@pytest.mark.parametrize(
    "asked", [{"tolerance": "x"}, {"tolerance": None}, {"seed": 0.5}, {"seed": None}, {"seed": -1}]
)
def test_networks_are_compared_up_to_a_number_with_a_seed(converted: Path, asked: dict[str, Any]) -> None:
    with pytest.raises(torch2caffe2.UsageError, match="cannot be"):
        torch2caffe2.diff(converted, converted, **asked)


def test_what_is_not_there_is_refused_when_it_is_opened(tmp_path: Path, converted: Path) -> None:
    with pytest.raises(torch2caffe2.UsageError, match="cannot be read"):
        torch2caffe2.open(tmp_path / "nowhere.t7")
    with pytest.raises(torch2caffe2.UsageError, match="holds no network"):
        torch2caffe2.open(tmp_path)
    with pytest.raises(torch2caffe2.UsageError, match="there is no format keras") as told:
        torch2caffe2.open(converted, format="keras")
    assert "caffe2" in told.value.advice
    (converted.parent / "bare").mkdir()
    with pytest.raises(torch2caffe2.UsageError, match="of the format onnx"):
        torch2caffe2.open(converted.parent / "bare", format="onnx")


def test_a_limit_of_the_call_holds_for_this_model_only() -> None:
    with pytest.raises(torch2caffe2.OverBudget, match="too large"):
        _ = torch2caffe2.open(MODEL, inputs=(2, 1, 32, 32), limits="nodes=3").graph
    assert torch2caffe2.open(MODEL, inputs=(2, 1, 32, 32)).graph.nodes


def test_a_notebook_shows_its_layers_and_no_markup_of_the_file(tmp_path: Path) -> None:
    net = tmp_path / "deploy.prototxt"
    layer = 'layer { name: "<script>alert(1)</script>" type: "ReLU" bottom: "x" top: "y\\u202e" }'
    net.write_text(f'name: "<b>" input: "x" input_shape {{ dim: 1 dim: 3 }} {layer}')
    shown = torch2caffe2.open(net)._repr_html_()
    assert shown.startswith("<table><caption>")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "<script" not in shown
    assert "\u202e" not in shown
