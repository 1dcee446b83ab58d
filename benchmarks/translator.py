"""Runs caffe_translator in an interpreter that has Caffe2 (Python 3.7 to 3.9), without an installed Caffe.

    translator.py SCHEMA PROTOTXT CAFFEMODEL --init_net FILE --predict_net FILE

SCHEMA is a FileDescriptorProto of the package `caffe`: caffe_translator finds its messages as `caffe.proto.caffe_pb2`.
"""

import runpy
import sys
import types
from pathlib import Path

from google.protobuf import descriptor_pool
from google.protobuf.internal import builder

NAME = "caffe.proto.caffe_pb2"

descriptor = descriptor_pool.Default().AddSerializedFile(Path(sys.argv.pop(1)).read_bytes())
caffe, proto, messages = (types.ModuleType(name) for name in ("caffe", "caffe.proto", NAME))
builder.BuildMessageAndEnumDescriptors(descriptor, messages.__dict__)
builder.BuildTopDescriptorsAndMessages(descriptor, NAME, messages.__dict__)
caffe.proto, proto.caffe_pb2 = proto, messages
sys.modules.update({"caffe": caffe, "caffe.proto": proto, NAME: messages})
runpy.run_module("caffe2.python.caffe_translator", run_name="__main__")
