from pathlib import Path

import pytest

from pipeline.caffe.schema import NetParameter
from pipeline.caffe2.schema import NetDef
from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.wire import messages

PATH = Path("net.pbtxt")


def parse_text(text: str) -> NetDef:
    return messages.parse_text(memoryview(text.encode("utf-8", "surrogateescape")), NetDef, PATH)


def test_text_and_binary_are_told_apart():
    net = NetDef(name="net")
    net.op.add(type="Relu", input=["x"], output=["y"])
    assert messages.parse(memoryview(net.SerializeToString()), NetDef, PATH) == net
    assert messages.parse(memoryview(str(net).encode()), NetDef, PATH) == net


def test_a_mark_of_byte_order_and_comments_in_any_encoding_are_no_matter():
    assert parse_text('\ufeffname: "net" # \udcb9\udcab').name == "net"


def test_an_unknown_field_is_named_with_its_line():
    with pytest.raises(UnsupportedError) as caught:
        parse_text('name: "net"\nop {\n  flavour: 3\n}')
    (problem,) = caught.value.problems
    assert problem.origin == "net.pbtxt, line 3"
    assert problem.reason == "OperatorDef has no field flavour"


def test_an_unknown_value_of_an_enum_is_named_with_its_line():
    with pytest.raises(UnsupportedError) as caught:
        parse_text("op { arg { t {\n data_type: COMPLEX } } }")
    assert caught.value.problems[0].origin == "net.pbtxt, line 2"
    assert caught.value.problems[0].reason == "DataType has no value named COMPLEX"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("op {", 1),
        ('\nname: "a', 2),
        ('name: "a"\nname: "b"', 2),
        ("num_workers: 99999999999", 1),
        ('name: "\udcff"', 1),
        ('name: "\\377"', 1),
        ("[a.b] { }", 1),
        ("not a network at all", 1),
    ],
)
def test_wrong_syntax_names_the_line(text, line):
    with pytest.raises(InvalidInputError) as caught:
        parse_text(text)
    assert caught.value.where.partition(" of ")[0] == f"net.pbtxt, line {line}"


@pytest.mark.parametrize(
    ("text", "where", "opened"),
    [
        ('op {\n  type: "Relu"\n  inp', "line 3 of 3", 1),
        ('op {\n  type: "Relu"\n  input: "a', "line 3 of 3", 1),
        ('op {\n  arg {\n  name: "a" # }\n}\nop { type: "Relu" }', "line 5 of 5", 1),
    ],
)
def test_text_that_is_cut_short_tells_what_it_does_not_close(text, where, opened):
    with pytest.raises(InvalidInputError) as caught:
        parse_text(text)
    assert caught.value.what == "net.pbtxt is cut short, or a brace is missing"
    assert (caught.value.where, caught.value.why) == (
        f"net.pbtxt, {where}",
        f"what is opened in line {opened} is never closed",
    )


def test_text_nested_too_deep_is_refused():
    with pytest.raises(InvalidInputError):
        parse_text("op{arg{n{" * 20_000)


def test_binary_nested_too_deep_is_refused():
    net = b""
    for _ in range(300):
        net = NetDef.FromString(b"").SerializeToString() + _nested(net)
    with pytest.raises(InvalidInputError):
        messages.parse_binary(net, NetDef, PATH)


def _nested(net: bytes) -> bytes:
    from pipeline.wire.splice import length_delimited

    for number in (8, 5, 2):  # Argument.n, OperatorDef.arg, NetDef.op
        net = length_delimited(number, len(net)) + net
    return net


def test_all_unknown_fields_of_a_binary_message_are_named():
    net = NetDef(name="net")
    net.op.add(type="Relu").MergeFromString(b"\xa0\x06\x01")
    data = net.SerializeToString() + b"\xa8\x06\x01" * 3  # a list, whose field is named once
    with pytest.raises(UnsupportedError) as caught:
        messages.parse_binary(data, NetDef, PATH)
    reasons = [problem.reason for problem in caught.value.problems]
    assert reasons == ["NetDef has no field number 101", "OperatorDef has no field number 100"]


@pytest.mark.parametrize("text", ["name: '\udcff'", "na\udcffme: 'x'", "\udcff: 1", "op { device_option: \udcff }"])
def test_text_that_is_not_utf8_is_refused_outside_of_comments(text: str) -> None:
    with pytest.raises(InvalidInputError, match="NetDef in text form"):
        parse_text(text)


@pytest.mark.parametrize("name", ["\udcff", "SUM\udcff"])
def test_a_value_of_a_choice_that_is_not_utf8_is_refused(name: str) -> None:
    text = f'layer {{ name: "r" reduction_param {{ operation: {name} }} }}'.encode("utf-8", "surrogateescape")
    with pytest.raises(InvalidInputError, match="NetParameter in text form"):
        messages.parse_text(memoryview(text), NetParameter, PATH)


def test_names_that_are_not_utf8_are_refused():
    with pytest.raises(InvalidInputError, match=r"NetDef\.name"):
        messages.parse_binary(b"\x0a\x01\xff", NetDef, PATH)
    with pytest.raises(InvalidInputError, match=r"OperatorDef\.input"):
        messages.parse_binary(b"\x12\x03\x0a\x01\xff", NetDef, PATH)


def test_a_binary_net_without_control_bytes_is_not_taken_for_text():
    net = NetDef(name="model_init")
    assert net.SerializeToString() == b"\n\nmodel_init"
    assert not messages.is_text(memoryview(net.SerializeToString()))


def test_text_is_known_behind_comments_and_a_byte_order_mark():
    assert messages.is_text(memoryview(b"\xef\xbb\xbf# a comment: {\n\n  name : 'x'"))
