"""Convolutions and their relatives."""

from __future__ import annotations

from pipeline.caffe2.read.geometry import geometry, sizes
from pipeline.caffe2.read.operator import OperatorReader
from pipeline.caffe2.read.reader import Caffe2Reader, reads
from pipeline.graph.operators import Conv, ConvTranspose, Im2Col, LocallyConnected, Transpose
from pipeline.graph.values import Value


def _not_legacy(op: OperatorReader) -> None:
    if op.int("legacy_pad", 0):
        op.refuse(f"argument {op.type}.legacy_pad is not supported here")


def _bias(op: OperatorReader, net: Caffe2Reader) -> Value | None:
    return net.value(op.inputs[2]) if len(op.inputs) > 2 else None


@reads("Conv", "Conv1D", "Conv2D", "Conv3D")
def conv(op: OperatorReader, net: Caffe2Reader) -> None:
    """Conv."""
    _not_legacy(op)
    x, w = net.values(op.inputs[:2])
    g = geometry(op, x.rank - 2)
    net.give(
        Conv(kernel_shape=g.kernel, strides=g.strides, pads=g.pads, dilations=g.dilations, group=op.int("group", 1)),
        x,
        w,
        _bias(op, net),
    )


@reads("ConvTranspose")
def conv_transpose(op: OperatorReader, net: Caffe2Reader) -> None:
    """ConvTranspose without groups or dilation, because not all releases support these."""
    _not_legacy(op)
    x, w = net.values(op.inputs[:2])
    g = geometry(op, x.rank - 2)
    adjs = sizes(op, "adj", x.rank - 2, 0) or (0,) * (x.rank - 2)
    if op.int("group", 1) != 1 or max(g.dilations) > 1:
        op.refuse(f"arguments {op.type}.group and {op.type}.dilation are ignored by some releases of Caffe2")
    net.give(
        ConvTranspose(
            kernel_shape=g.kernel or w.shape[2:],
            strides=g.strides,
            pads=g.pads,
            dilations=g.dilations,
            output_padding=adjs,
        ),
        x,
        w,
        None if op.int("no_bias", 0) else _bias(op, net),
    )


@reads("LC", "LC2D")
def locally_connected(op: OperatorReader, net: Caffe2Reader) -> None:
    """LocallyConnected, in whose bias the channel is the first axis."""
    _not_legacy(op)
    x, w = net.values(op.inputs[:2])
    g = geometry(op, 2)
    if x.rank != 4 or set(g.dilations) != {1} or op.int("group", 1) != 1:
        op.refuse("locally connected layers over two axes, without groups or dilation, are supported")
    bias = _bias(op, net)
    if bias is not None:
        array = net.array(op.inputs[2])
        perm = (2, 0, 1)
        bias = (
            net.add(Transpose(perm=perm), bias, part="bias")
            if array is None
            else net.weight(array.transpose(perm), "bias")
        )
    net.give(LocallyConnected(kernel_shape=g.kernel, strides=g.strides, pads=g.pads), x, w, bias)


@reads("Im2Col")
def im2col(op: OperatorReader, net: Caffe2Reader) -> None:
    """Im2Col."""
    x = net.value(op.inputs[0])
    g = geometry(op, 2)
    net.give(Im2Col(kernel_shape=g.kernel, strides=g.strides, pads=g.pads, dilations=g.dilations), x)
