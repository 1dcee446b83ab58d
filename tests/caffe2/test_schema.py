import pytest

from pipeline.caffe2.schema import Argument, NetDef
from tests.support import shared


def test_numbers_of_arguments_are_packed():
    assert len(Argument(floats=[1, 2, 3]).SerializeToString()) == 2 + 12
    assert len(Argument(ints=[1, 2, 3]).SerializeToString()) == 2 + 3


def test_unpacked_numbers_of_other_writers_are_read():
    data = b"\x2d" + b"\x00\x00\x80\x3f" + b"\x30\x07"
    assert Argument.FromString(data) == Argument(floats=[1], ints=[7])


def test_every_field_is_that_of_caffe2():
    messages = NetDef.DESCRIPTOR.file.message_types_by_name
    facts = shared("facts", "caffe2-proto-fields.txt").read_text().splitlines()
    checked, message, nested = 0, None, False
    for line in facts:
        words = line.split()
        if line.startswith("message"):
            message, nested = messages.get(words[1]), False
        elif words[0] == "message":
            nested = True
        elif message is not None and words[0].isdigit() and not nested:
            field = message.fields_by_name[words[3]]
            assert (field.number, field.is_repeated) == (int(words[0]), words[1] == "repeated"), field.full_name
            kind = {1: "double", 2: "float", 3: "int64", 5: "int32", 8: "bool", 9: "string", 12: "bytes", 13: "uint32"}
            named = field.message_type or field.enum_type
            assert (named.name if named else kind[field.type]) == words[2], field.full_name
            checked += 1
    assert checked > 60


@pytest.mark.parametrize("text", ['name: "n" op { type: "Relu" input: "x" arg { name: "order" s: "NCHW" } }'])
def test_text_is_that_of_caffe2(text):
    from google.protobuf import text_format

    net = text_format.Parse(text, NetDef())
    assert text_format.Parse(text_format.MessageToString(net), NetDef()) == net
