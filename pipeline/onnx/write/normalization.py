"""Normalisations, for which ONNX requires scale and bias."""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import BatchNormalization, InstanceNormalization, LayerNormalization
from pipeline.graph.operators.checks import positive_axis
from pipeline.graph.values import Graph, Node, Shape
from pipeline.onnx.write.builder import OnnxBuilder, writes


@writes(BatchNormalization, InstanceNormalization)
def by_channel(node: Node, net: OnnxBuilder) -> None:
    """Write the operator of the same name, with a scale of ones and a bias of zeros if there are none."""
    x = node.input(0)
    statistics = [net.name(value) for value in node.inputs[3:]]
    net.give([net.name(x), *_affine(node, net, x.shape[1:2]), *statistics], **node.operator.attributes)


def _whole(node: Node[LayerNormalization], graph: Graph) -> bool:
    return all(value is None or value.shape == _normalized(node) for value in node.inputs[1:])


@writes(LayerNormalization, where=_whole)
def layer_normalization(node: Node[LayerNormalization], net: OnnxBuilder) -> None:
    """Write the operator of the same name, with a scale of ones if there is none."""
    net.give([net.name(node.input(0)), *_affine(node, net, _normalized(node))], **node.operator.attributes)


def _normalized(node: Node[LayerNormalization]) -> Shape:
    x = node.input(0)
    return x.shape[positive_axis(node.operator.axis, x.rank) :]


def _affine(node: Node, net: OnnxBuilder, shape: Shape) -> list[str]:
    given = [net.name(node.input(i)) if node.has_input(i) else "" for i in (1, 2)]
    return [
        given[0] or net.constant(np.ones(shape, np.float32), "scale"),
        given[1] or net.constant(np.zeros(shape, np.float32), "bias"),
    ]
