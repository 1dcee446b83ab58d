"""Caffe's protobuf messages, in a package of our own. `make schema` generates caffe_pb2 from caffe.proto.

The messages of single layers are reached through LayerParameter, so that a new one changes only caffe.proto.
"""

from __future__ import annotations

from pipeline.caffe.schema.caffe_pb2 import (
    TEST,
    TRAIN,
    BlobProto,
    FillerParameter,
    LayerParameter,
    NetParameter,
    NetState,
    NetStateRule,
    ParamSpec,
    UnknownField,
    V0LayerParameter,
    V1LayerParameter,
)

__all__ = [
    "TEST",
    "TRAIN",
    "BlobProto",
    "FillerParameter",
    "LayerParameter",
    "NetParameter",
    "NetState",
    "NetStateRule",
    "ParamSpec",
    "UnknownField",
    "V0LayerParameter",
    "V1LayerParameter",
]
