"""Fields that a schema lacks: all are found at once, and kept by the message that has a place for them."""

import pytest
from google.protobuf import text_format

from pipeline.caffe.schema import NetParameter
from pipeline.caffe2.schema import NetDef
from pipeline.wire.unknown_fields import DEEPEST, keep


def kept(text):
    """Return what a net and its first layer keep of a text: path, value and line."""
    net = text_format.Parse(keep(text, NetParameter), NetParameter())
    layers = net.layer[0].unknown if net.layer else ()
    return [[(field.path, field.text, field.line) for field in fields] for fields in (net.unknown, layers)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (": 1", "1"),
        (": -0.5e3", "-0.5e3"),
        (": \"a { b\" 'c'", "\"a { b\" 'c'"),
        (": [1, 2]", "[1, 2]"),
        (": { a { b: 1 } }", "{ a { b: 1 } }"),
        (" { a: [ { b: 2 } ] }", "{ a: [ { b: 2 } ] }"),
        (" < a: 1 >", "< a: 1 >"),
        (": UP;", "UP"),
    ],
)
def test_a_value_of_any_form_is_kept_as_it_was_written(value, text):
    assert kept(f'layer {{ name: "l" spin{value} type: "T" }}') == [[], [("spin", text, 1)]]


def test_all_fields_are_kept_with_their_lines_and_paths():
    text = """# a comment with { and "
        colour: RED
        layer {
          name: "l"
          pooling_param { kernel_size: 2 spin: 3  # spin: 4
                          pool: SPIN }
          include { phase: TEST when: NEVER }
          odd_param {
          }
        }
        state { mood: "good" } # the end"""
    net = [("colour", "RED", 2), ("state.mood", '"good"', 11)]
    layer = [
        ("pooling_param.spin", "3", 5),
        ("pooling_param.pool", "SPIN", 6),
        ("include.when", "NEVER", 7),
        ("odd_param", "{\n          }", 8),
    ]
    assert kept(text) == [net, layer]


def test_lines_stay_where_they_are():
    text = 'layer {\n  odd_param {\n    a: 1\n  }\n  name: "l" }'
    assert keep(text, NetParameter).count("\n") == text.count("\n")
    assert keep(text, NetParameter).split("\n")[4] == text.split("\n")[4]


def test_text_without_unknown_fields_comes_back_as_it_is():
    text = 'name: "n" layer { name: "l" pooling_param { pool: AVE pad: 0x2 } blobs < data: [1, 2] > }'
    assert keep(text, NetParameter) == text


def test_a_message_without_a_place_keeps_nothing():
    assert keep("spin: 1", NetDef) == "spin: 1"


@pytest.mark.parametrize(
    "text", ["layer {", "layer { a }", "layer }", "a: ", '"a": 1', "layer { a: [1 }", "{", "a b: 1"]
)
def test_what_is_no_message_is_left_to_protobuf(text):
    assert keep(text, NetParameter) == text


def test_messages_that_are_too_deep_are_left_to_protobuf():
    text = "state { " * 2 + "a { " * DEEPEST * 2 + "}" * DEEPEST * 2 + "} }"
    assert keep(text, NetParameter)  # ends, whatever it says
