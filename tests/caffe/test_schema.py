import subprocess
import sys

import pytest

from pipeline.caffe import schema
from pipeline.caffe.schema import BlobProto, LayerParameter, NetParameter
from tests.support import shared


def test_the_schema_lives_beside_another_caffe_proto():
    program = """
from google.protobuf import descriptor_pb2, descriptor_pool
for name, package in (("caffe.proto", "caffe"), ("caffe/proto/caffe.proto", "ditcaffe"),
                      ("caffe2/proto/caffe2.proto", "caffe2")):
    other = descriptor_pb2.FileDescriptorProto(name=name, package=package)
    other.message_type.add(name="NetParameter").field.add(name="x", number=1, type=5, label=1)
    other.message_type.add(name="NetDef")
    descriptor_pool.Default().AddSerializedFile(other.SerializeToString())
from pipeline.caffe.schema import NetParameter
from pipeline.caffe2.schema import NetDef
NetParameter(name="n"), NetDef(name="n")
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_layer_parameters_keep_the_numbers_of_the_files_people_have():
    numbers = {field.name: field.number for field in LayerParameter.DESCRIPTOR.fields}
    known = {
        "name": 1, "type": 2, "bottom": 3, "top": 4, "blobs": 7, "transform_param": 100, "convolution_param": 106,
        "inner_product_param": 117, "batch_norm_param": 139, "scale_param": 142, "input_param": 143,
        "recurrent_param": 146, "clip_param": 148, "permute_param": 202, "norm_param": 206,
    }  # fmt: skip
    assert {name: numbers[name] for name in known} == known


def test_every_field_is_that_of_caffe():
    facts = shared("facts", "caffe-proto-fields.txt").read_text().splitlines()
    messages = NetParameter.DESCRIPTOR.file.message_types_by_name
    checked, message = 0, None
    for line in facts:
        words = line.split()
        if words[0] == "message":
            message = messages.get(words[1])
        elif message is not None:
            kind, name = words[2].partition("{")[0], words[3]
            field = message.fields_by_name[name]
            assert (field.number, field.is_repeated) == (int(words[0]), words[1] == "repeated"), (
                f"{message.name}.{name}"
            )
            if field.enum_type is not None:
                values = dict(value.split("=") for value in words[2].partition("{")[2].rstrip("}").split(","))
                assert {v.name: str(v.number) for v in field.enum_type.values} == values, f"{message.name}.{name}"
            elif field.message_type is not None:
                assert field.message_type.name == kind
            elif line.endswith("(explicit)") and kind != "string":
                default = line.partition("default=")[2].removesuffix(" (explicit)")
                assert str(field.default_value) == default, f"{message.name}.{name}"
            checked += 1
    assert checked > 350


def test_blobs_are_packed():
    blob = BlobProto(data=[1, 2, 3])
    assert len(blob.SerializeToString()) == 2 + 12


@pytest.mark.parametrize("version", [(6, 31, 1)])
def test_the_generated_code_runs_on_the_oldest_protobuf_allowed(version):
    from pathlib import Path

    for generated in ("caffe/schema/caffe_pb2.py", "caffe2/schema/caffe2_pb2.py"):
        source = (Path(schema.__file__).parents[2] / generated).read_text()
        assert "# Protobuf Python Version: " + ".".join(map(str, version)) in source
