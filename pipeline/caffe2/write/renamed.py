"""Operators that Caffe2 has under another name (see `pipeline.caffe2.renamed`)."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.caffe2.renamed import BINARY, REDUCTIONS, SEARCHES, UNARY
from pipeline.caffe2.write.broadcasting import give_binary
from pipeline.caffe2.write.builder import Caffe2Builder, writes
from pipeline.graph.operators import Reduction, Search
from pipeline.graph.operators.checks import positive_axes, positive_axis
from pipeline.graph.values import Node


def _unary(kind: str) -> Callable[[Node, Caffe2Builder], None]:
    def write(node: Node, net: Caffe2Builder) -> None:
        net.give(kind, net.blob(node.input(0)), **node.operator.attributes)

    return write


def _binary(kind: str) -> Callable[[Node, Caffe2Builder], None]:
    def write(node: Node, net: Caffe2Builder) -> None:
        give_binary(node, net, kind)

    return write


def _reduction(kind: str) -> Callable[[Node[Reduction], Caffe2Builder], None]:
    def write(node: Node[Reduction], net: Caffe2Builder) -> None:
        axes = sorted(positive_axes(node.operator.axes, node.input(0).rank))
        net.give(kind, net.blob(node.input(0)), axes=axes, keepdims=node.operator.keepdims)

    return write


def _search(kind: str) -> Callable[[Node[Search], Caffe2Builder], None]:
    def write(node: Node[Search], net: Caffe2Builder) -> None:
        axis = positive_axis(node.operator.axis, node.input(0).rank)
        net.give(kind, net.blob(node.input(0)), axis=axis, keepdims=node.operator.keepdims)

    return write


for _operator, _kind in UNARY.items():
    writes(_operator)(_unary(_kind))
for _operator, _kind in BINARY.items():
    writes(_operator)(_binary(_kind))
for _reduced in REDUCTIONS:
    writes(_reduced)(_reduction(_reduced.name))
for _searched in SEARCHES:
    writes(_searched)(_search(_searched.name))
