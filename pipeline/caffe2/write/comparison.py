"""Comparisons, and what is done with bools."""

from __future__ import annotations

from pipeline.caffe2.write.broadcasting import equal_shapes, give_binary
from pipeline.caffe2.write.builder import Caffe2Builder, writes
from pipeline.graph.operators import And, Equal, Greater, GreaterOrEqual, IsNaN, Less, Not, Or, Where
from pipeline.graph.values import Node


@writes(Greater)
def greater(node: Node, net: Caffe2Builder) -> None:
    """GT."""
    give_binary(node, net, "GT")


@writes(GreaterOrEqual)
def greater_or_equal(node: Node, net: Caffe2Builder) -> None:
    """GE."""
    give_binary(node, net, "GE")


@writes(Less)
def less(node: Node, net: Caffe2Builder) -> None:
    """LT."""
    give_binary(node, net, "LT")


@writes(Equal)
def equal(node: Node, net: Caffe2Builder) -> None:
    """EQ."""
    give_binary(node, net, "EQ", commutes=True)


@writes(And)
def both(node: Node, net: Caffe2Builder) -> None:
    """And."""
    give_binary(node, net, "And", commutes=True)


@writes(Or)
def either(node: Node, net: Caffe2Builder) -> None:
    """Or."""
    give_binary(node, net, "Or", commutes=True)


@writes(Not)
def negation(node: Node, net: Caffe2Builder) -> None:
    """Not."""
    net.give("Not", net.blob(node.input(0)))


@writes(IsNaN)
def is_nan(node: Node, net: Caffe2Builder) -> None:
    """Not x >= x, which only NaN is."""
    x = net.blob(node.input(0))
    net.give("Not", net.step("GE", x, x, part="number"))


@writes(Where)
def where(node: Node, net: Caffe2Builder) -> None:
    """Where, of inputs made equal in shape."""
    values = node.input(0), node.input(1), node.input(2)
    net.give("Where", *equal_shapes(net, values))
