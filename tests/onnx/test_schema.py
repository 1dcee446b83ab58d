import pytest

from pipeline.onnx.schema import AttributeProto, ModelProto, TensorProto


def test_every_field_is_that_of_onnx():
    onnx = pytest.importorskip("onnx")
    theirs = onnx.ModelProto.DESCRIPTOR.file.message_types_by_name
    for name, ours in ModelProto.DESCRIPTOR.file.message_types_by_name.items():
        for field in ours.fields:
            other = theirs[name].fields_by_name[field.name]
            forms = [(f.number, f.type, f.is_repeated, bool(f.GetOptions().packed)) for f in (field, other)]
            assert forms[0] == forms[1], field.full_name


@pytest.mark.parametrize("enum", ["TensorProto.DataType", "AttributeProto.AttributeType"])
def test_every_type_is_that_of_onnx(enum):
    onnx = pytest.importorskip("onnx")
    message, name = enum.split(".")
    ours, theirs = (getattr(getattr(m, message), name) for m in (_ours, onnx))
    assert dict(ours.items()).items() <= dict(theirs.items()).items()


class _ours:  # noqa: N801 - stands beside the module `onnx`
    TensorProto = TensorProto
    AttributeProto = AttributeProto
