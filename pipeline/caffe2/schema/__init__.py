"""Caffe2's protobuf messages, in a package of our own. `make schema` generates caffe2_pb2 from caffe2.proto."""

from __future__ import annotations

from pipeline.caffe2.schema.caffe2_pb2 import Argument, DeviceOption, NetDef, OperatorDef, TensorProto

__all__ = ["Argument", "DeviceOption", "NetDef", "OperatorDef", "TensorProto"]
