"""Normalisations."""

from __future__ import annotations

from pipeline.caffe2.read.operator import OperatorReader
from pipeline.caffe2.read.reader import Caffe2Reader, reads
from pipeline.graph.operators import LRN, BatchNormalization, InstanceNormalization, LayerNormalization, LpNormalization
from pipeline.graph.operators.checks import positive_axis


@reads("SpatialBN")
def spatial_bn(op: OperatorReader, net: Caffe2Reader) -> None:
    """BatchNormalization by stored statistics; `is_test` must say so."""
    if not op.int("is_test", 0):
        op.refuse("argument SpatialBN.is_test is 0: it takes the statistics of the batch")
    net.give(BatchNormalization(epsilon=op.float("epsilon", 1e-5)), *net.values(op.inputs[:5]))


@reads("InstanceNorm")
def instance_norm(op: OperatorReader, net: Caffe2Reader) -> None:
    """InstanceNormalization."""
    net.give(InstanceNormalization(epsilon=op.float("epsilon", 1e-5)), *net.values(op.inputs))


@reads("LayerNorm")
def layer_norm(op: OperatorReader, net: Caffe2Reader) -> None:
    """LayerNormalization, with scale and bias where elementwise_affine is set."""
    affine = op.inputs[1:] if op.int("elementwise_affine", 0) else ()
    x = net.value(op.inputs[0])
    axis = positive_axis(op.int("axis", 1), x.rank)
    net.give(LayerNormalization(axis=axis, epsilon=op.float("epsilon", 1e-3)), x, *net.values(affine))


@reads("LRN")
def lrn(op: OperatorReader, net: Caffe2Reader) -> None:
    """LRN."""
    net.give(
        LRN(
            size=op.int("size", 0), alpha=op.float("alpha", 0.0), beta=op.float("beta", 0.0), bias=op.float("bias", 1.0)
        ),
        net.value(op.inputs[0]),
    )


@reads("Normalize", "NormalizeL1")
def normalize(op: OperatorReader, net: Caffe2Reader) -> None:
    """LpNormalization."""
    net.give(LpNormalization(axis=op.int("axis", -1), p=2 if op.type == "Normalize" else 1), net.value(op.inputs[0]))
