"""Comparisons, whose results are 0 and 1 in Caffe, and operators on them."""

from __future__ import annotations

from math import isfinite

from pipeline.caffe.write import arithmetic, layers
from pipeline.caffe.write.arithmetic import Operand
from pipeline.caffe.write.builder import Blob, CaffeBuilder, Parameter, writes
from pipeline.graph.operators import And, Equal, Greater, GreaterOrEqual, IsNaN, Less, Not, Or, Where
from pipeline.graph.values import Node


def _operands(node: Node, net: CaffeBuilder) -> tuple[Operand, Operand]:
    return net.operand(node.input(0)), net.operand(node.input(1))


def _greater(net: CaffeBuilder, a: Operand, b: Operand) -> Blob:
    """Return a > b: Threshold of a at b if b is a number, else of a - b at 0."""
    if isinstance(b, Parameter) and b.size == 1 and isinstance(a, Blob) and a.rank >= len(b.shape):
        return layers.threshold(net, a, b.scalar())
    return layers.threshold(net, arithmetic.subtract(net, a, b), 0.0)


def _less(net: CaffeBuilder, a: Operand, b: Operand) -> Blob:
    """Return a < b, as -a > -b."""
    if isinstance(b, Parameter) and isinstance(a, Blob):
        return _greater(net, layers.negative(net, a), b.map(lambda array: -array))
    return _greater(net, b, a)


@writes(Greater)
def greater(node: Node, net: CaffeBuilder) -> None:
    """Threshold."""
    net.give(node, _greater(net, *_operands(node, net)))


@writes(Less)
def less(node: Node, net: CaffeBuilder) -> None:
    """Threshold."""
    net.give(node, _less(net, *_operands(node, net)))


@writes(GreaterOrEqual)
def greater_or_equal(node: Node, net: CaffeBuilder) -> None:
    """Not less."""
    net.give(node, layers.complement(net, _less(net, *_operands(node, net))))


@writes(Equal)
def equal(node: Node, net: CaffeBuilder) -> None:
    """Not |a - b| > 0."""
    distance = net.layer("AbsVal", [arithmetic.subtract(net, *_operands(node, net))])
    net.give(node, layers.complement(net, layers.threshold(net, distance, 0.0)))


@writes(Not)
def negation(node: Node, net: CaffeBuilder) -> None:
    """1 - x."""
    net.give(node, layers.complement(net, net.blob(node.input(0))))


@writes(And)
def conjunction(node: Node, net: CaffeBuilder) -> None:
    """Eltwise PROD, or Scale."""
    net.give(node, arithmetic.multiply(net, *_operands(node, net)))


@writes(Or)
def disjunction(node: Node, net: CaffeBuilder) -> None:
    """Not (not a and not b), which is broadcast like a product."""
    a, b = (_complement(net, each) for each in _operands(node, net))
    net.give(node, layers.complement(net, arithmetic.multiply(net, a, b)))


def _complement(net: CaffeBuilder, operand: Operand) -> Operand:
    if isinstance(operand, Blob):
        return layers.complement(net, operand)
    return operand.map(lambda array: 1.0 - array)


@writes(IsNaN)
def is_nan(node: Node, net: CaffeBuilder) -> None:
    """Not |x| > -1, which holds for every number."""
    magnitude = net.layer("AbsVal", [net.blob(node.input(0))])
    net.give(node, layers.complement(net, layers.threshold(net, magnitude, -1.0)))


@writes(Where)
def where(node: Node, net: CaffeBuilder) -> None:
    """Eltwise SUM of a c and b (1 - c), of which one is 0."""
    condition = net.operand(node.input(0))
    a, b = (net.operand(node.input(i)) for i in (1, 2))
    for each in (a, b):
        if isinstance(each, Parameter) and each.size == 1 and not isfinite(each.scalar()):
            net.refuse(f"it chooses between a number and {each.scalar()}, and 0 times that is no number")
    mask = arithmetic.as_blob(net, condition)
    terms = []
    for part, chosen in ((a, mask), (b, None)):
        if isinstance(part, Parameter) and part.size == 1 and part.scalar() == 0:
            continue
        flag = layers.complement(net, mask) if chosen is None else chosen
        terms.append(arithmetic.multiply(net, part, flag))
    if not terms:
        terms = [layers.filled(net, mask, 0.0)]
    total: Operand = terms[0]
    for term in terms[1:]:
        total = arithmetic.add(net, total, term)
    net.give(node, layers.expand(net, arithmetic.as_blob(net, total), node.output.shape))
