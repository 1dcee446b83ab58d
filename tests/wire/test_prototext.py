from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.caffe.schema import NetParameter
from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.wire import messages
from pipeline.wire.prototext import Unknown, unknown_fields

LAYERS = """
name: "net"  # flavour: 1
layer {
  name: "conv" type: "Convolution"
  convolution_param { num_outptu: 4 kernel_size: 3 exotic { a: 1 b { c: "}" } } }
}
layer { colour: RED, name: 'drop' type: "Dropout" dropout_param < scale_train: false > }
planet: "Mars" 'and' "Venus"
input_shape { dim: [1, 2] depth: [3, 4] }
"""


def test_every_unknown_field_is_found_with_its_line_and_layer() -> None:
    assert unknown_fields(LAYERS, NetParameter.DESCRIPTOR) == [
        Unknown(5, "ConvolutionParameter", "num_outptu", "num_output", "conv (Convolution)"),
        Unknown(5, "ConvolutionParameter", "exotic", "", "conv (Convolution)"),
        Unknown(7, "LayerParameter", "colour", "", "drop (Dropout)"),
        Unknown(7, "DropoutParameter", "scale_train", "", "drop (Dropout)"),
        Unknown(8, "NetParameter", "planet", ""),
        Unknown(9, "BlobShape", "depth", ""),
    ]


def test_what_the_schema_knows_is_read_all_the_same_where_that_is_wished() -> None:
    unknown: messages.Unknown = {}
    net = messages.parse_text(memoryview(LAYERS.encode()), NetParameter, Path("net.prototxt"), unknown)
    assert [(layer.name, layer.type) for layer in net.layer] == [("conv", "Convolution"), ("drop", "Dropout")]
    assert list(unknown) == ["conv (Convolution)", "drop (Dropout)", ""]


def test_all_unknown_fields_are_one_error_with_the_nearest_names() -> None:
    with pytest.raises(UnsupportedError) as caught:
        messages.parse_text(memoryview(LAYERS.encode()), NetParameter, Path("net.prototxt"))
    first, *others = caught.value.problems
    assert first.origin == "net.prototxt, line 5, conv (Convolution)"
    assert first.reason == "ConvolutionParameter has no field num_outptu"
    assert first.advice == "did you mean num_output?"
    assert len(others) == 5


@pytest.mark.parametrize("text", ["layer { flavour: 1 ", "layer { flavour: 1 } }", "layer { flavour: 1 num: }"])
def test_wrong_syntax_behind_an_unknown_field_hides_nothing(text: str) -> None:
    with pytest.raises((UnsupportedError, InvalidInputError)):
        messages.parse_text(memoryview(text.encode()), NetParameter, Path("net.prototxt"), {})
