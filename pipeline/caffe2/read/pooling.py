"""Pooling."""

from __future__ import annotations

from pipeline.caffe2.read.geometry import Geometry, geometry
from pipeline.caffe2.read.operator import OperatorReader
from pipeline.caffe2.read.reader import Caffe2Reader, reads
from pipeline.graph.operators import AveragePool, LpPool, MaxPool, MaxRoiPool
from pipeline.graph.values import Value

_CAFFE_LEGACY_POOLING = 3  # legacy_pad: sizes rounded up, as Caffe does (conv_pool_op_base.h)


@reads("MaxPool", "MaxPool1D", "MaxPool2D", "MaxPool3D")
def max_pool(op: OperatorReader, net: Caffe2Reader) -> None:
    """MaxPool, or GlobalMaxPool."""
    x = net.value(op.inputs[0])
    g = geometry(op, x.rank - 2)
    legacy = op.int("legacy_pad", 0)
    if op.int("global_pooling", 0):
        net.give("GlobalMaxPool", x)
        return
    ceil_mode = _rounds_up(op, legacy, x, g)
    net.give(
        MaxPool(
            kernel_shape=g.kernel, strides=g.strides, pads=g.pads, ceil_mode=ceil_mode, dilations=_no_dilation(op, g)
        ),
        x,
    )


@reads("AveragePool", "AveragePool1D", "AveragePool2D", "AveragePool3D")
def average_pool(op: OperatorReader, net: Caffe2Reader) -> None:
    """AveragePool, which divides by the places inside the image, or GlobalAveragePool."""
    x = net.value(op.inputs[0])
    g = geometry(op, x.rank - 2)
    if op.int("count_include_pad", 0) and any(g.pads):
        op.refuse("argument AveragePool.count_include_pad is ignored by some releases of Caffe2")
    legacy = op.int("legacy_pad", 0)
    if op.int("global_pooling", 0):
        net.give("GlobalAveragePool", x)
        return
    ceil_mode = _rounds_up(op, legacy, x, g)
    _no_dilation(op, g)
    net.give(AveragePool(kernel_shape=g.kernel, strides=g.strides, pads=g.pads, ceil_mode=ceil_mode), x)


@reads("LpPool")
def lp_pool(op: OperatorReader, net: Caffe2Reader) -> None:
    """LpPool."""
    x = net.value(op.inputs[0])
    g = geometry(op, x.rank - 2)
    p = op.float("p", 2.0)
    if p != int(p) or op.int("legacy_pad", 0) or op.int("global_pooling", 0):
        op.refuse(
            "arguments LpPool.legacy_pad, LpPool.global_pooling and broken numbers for LpPool.p are not supported"
        )
    _no_dilation(op, g)
    net.give(LpPool(kernel_shape=g.kernel, strides=g.strides, pads=g.pads, p=int(p)), x)


def _no_dilation(op: OperatorReader, g: Geometry) -> tuple[int, ...]:
    if max(g.dilations) > 1:
        op.refuse(f"argument {op.type}.dilation is refused by Caffe2 itself")
    return g.dilations


def _rounds_up(op: OperatorReader, legacy: int, x: Value, g: Geometry) -> int:
    """Return whether sizes are rounded up.

    It is refused if, without any pads, a last window would start outside the image, which Caffe allows, but not ONNX.
    """
    if legacy not in (0, _CAFFE_LEGACY_POOLING):
        op.refuse(f"argument {op.type}.legacy_pad is {legacy}, which is not supported")
    if not legacy:
        return 0
    for size, k, stride in zip(x.shape[2:], g.kernel, g.strides, strict=True):
        if not any(g.pads) and -(-(size - k) // stride) * stride >= size:
            op.refuse(f"argument {op.type}.legacy_pad makes a window that lies outside the image")
    return 1


@reads("RoIPool")
def roi_pool(op: OperatorReader, net: Caffe2Reader) -> None:
    """MaxRoiPool."""
    if not op.int("is_test", 0):
        op.refuse("argument RoIPool.is_test is 0")
    x, rois = net.values(op.inputs)
    shape = op.int("pooled_h", 1), op.int("pooled_w", 1)
    net.give(MaxRoiPool(pooled_shape=shape, spatial_scale=op.float("spatial_scale", 1.0)), x, rois)
