"""Arithmetic with numpy's broadcasting: Power, Scale and Bias for constants, Eltwise or two bottoms for blobs."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import numpy as np

from pipeline.caffe.write import layers
from pipeline.caffe.write.builder import Blob, CaffeBuilder, Parameter, writes
from pipeline.graph.operators import (
    Abs,
    Add,
    Cast,
    Ceil,
    Div,
    Erf,
    Exp,
    Floor,
    Identity,
    Log,
    Max,
    Mean,
    Min,
    Mul,
    Neg,
    Pow,
    Reciprocal,
    Sign,
    Sqrt,
    Sub,
    Sum,
)
from pipeline.graph.operators.checks import broadcast
from pipeline.graph.values import Node, Shape

Operand = Blob | Parameter

# ---- Two operands ----


def add(net: CaffeBuilder, a: Operand, b: Operand) -> Blob:
    """Return a + b."""
    x, other = _blob_first(net, a, b)
    if isinstance(other, Parameter):
        return _with_constant(net, x, other, layers.bias, lambda y: layers.power(net, y, shift=other.scalar()))
    if x.shape == other.shape:
        return layers.weighted_sum(net, [x, other])
    return _with_smaller(net, x, other, layers.bias, lambda y, z: layers.weighted_sum(net, [y, z]))


def subtract(net: CaffeBuilder, a: Operand, b: Operand) -> Blob:
    """Return a - b."""
    if isinstance(b, Parameter):
        return add(net, a, b.map(np.negative))
    if isinstance(a, Blob) and a.shape == b.shape:
        return layers.difference(net, a, b)
    return add(net, a, layers.negative(net, b))


def multiply(net: CaffeBuilder, a: Operand, b: Operand) -> Blob:
    """Return a b."""
    x, other = _blob_first(net, a, b)
    if isinstance(other, Parameter):
        return _with_constant(net, x, other, layers.scale, lambda y: layers.power(net, y, scale=other.scalar()))
    if x.shape == other.shape:
        return layers.product(net, [x, other])
    return _with_smaller(net, x, other, layers.scale, lambda y, z: layers.product(net, [y, z]))


def divide(net: CaffeBuilder, a: Operand, b: Operand) -> Blob:
    """Return a / b, as a times the reciprocal of b."""
    if isinstance(b, Parameter):
        return multiply(net, a, b.map(_reciprocal))
    if isinstance(a, Parameter) and a.size == 1 and a.scalar() != 0:
        y = layers.power(net, b, scale=1 / a.scalar(), power=-1.0)
        return layers.expand(net, y, broadcast(a.shape, b.shape))
    return multiply(net, a, layers.power(net, b, power=-1.0, part="reciprocal"))


def _reciprocal(array: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.asarray(1 / array.astype(np.float64))


def _blob_first(net: CaffeBuilder, a: Operand, b: Operand) -> tuple[Blob, Operand]:
    """Return the operands of a commutative operation in an order with a blob first."""
    if isinstance(a, Blob):
        return a, b
    if isinstance(b, Blob):
        return b, a
    return constant(net, a), b


def constant(net: CaffeBuilder, parameter: Parameter) -> Blob:
    """Return a constant as a blob."""
    message = {"shape": {"dim": parameter.shape}}
    return net.layer("Parameter", [], parameter.shape, parameters=[parameter], parameter_param=message)


def as_blob(net: CaffeBuilder, operand: Operand) -> Blob:
    """Return an operand as a blob."""
    return constant(net, operand) if isinstance(operand, Parameter) else operand


def _core(shape: Shape, whole: Shape) -> tuple[int, int]:
    """Return the range of axes (first, last + 1) of `whole` outside of which a shape has only ones."""
    aligned = (1,) * (len(whole) - len(shape)) + shape
    own = [axis for axis, size in enumerate(aligned) if size != 1]
    return (own[0], own[-1] + 1) if own else (0, 0)


def _with_constant(
    net: CaffeBuilder,
    x: Blob,
    other: Parameter,
    layer: Callable[[CaffeBuilder, Blob, Parameter, int], Blob],
    with_number: Callable[[Blob], Blob],
) -> Blob:
    """Return x combined with a constant by `layer`, whose parameter covers only the axes that the constant has."""
    x = layers.expand(net, x, broadcast(x.shape, other.shape))
    if other.size == 1:
        return with_number(x)
    first, last = _core(other.shape, x.shape)
    own = ((1,) * (x.rank - len(other.shape)) + other.shape)[first:last]
    return layer(net, x, other.reshaped(own).broadcast(x.shape[first:last]), first)


def _with_smaller(
    net: CaffeBuilder,
    x: Blob,
    other: Blob,
    layer: Callable[[CaffeBuilder, Blob, Blob, int], Blob],
    of_equals: Callable[[Blob, Blob], Blob],
) -> Blob:
    """Return two blobs of different shapes combined: by `layer` with two bottoms if one of them needs no tiling."""
    shape = broadcast(x.shape, other.shape)
    if x.shape != shape:
        x, other = other, x
    x = layers.expand(net, x, shape)
    first, last = _core(other.shape, shape)
    own = ((1,) * (len(shape) - other.rank) + other.shape)[first:last]
    if own == shape[first:last]:
        return layer(net, x, layers.reshape(net, other, own), first)
    return of_equals(x, layers.expand(net, other, shape))


@writes(Add)
def write_add(node: Node, net: CaffeBuilder) -> None:
    """Eltwise SUM, Bias, or Power for a number."""
    net.give(node, add(net, net.operand(node.input(0)), net.operand(node.input(1))))


@writes(Sub)
def write_sub(node: Node, net: CaffeBuilder) -> None:
    """Eltwise SUM with coefficients 1 and -1, Bias, or Power for a number."""
    net.give(node, subtract(net, net.operand(node.input(0)), net.operand(node.input(1))))


@writes(Mul)
def write_mul(node: Node, net: CaffeBuilder) -> None:
    """Eltwise PROD, Scale, or Power for a number."""
    net.give(node, multiply(net, net.operand(node.input(0)), net.operand(node.input(1))))


@writes(Div)
def write_div(node: Node, net: CaffeBuilder) -> None:
    """Eltwise PROD, or Scale, after Power -1."""
    if node.output.dtype != "float32":
        net.refuse("it divides integers, and Caffe has no layer that rounds")
    net.give(node, divide(net, net.operand(node.input(0)), net.operand(node.input(1))))


@writes(Pow)
def write_pow(node: Node, net: CaffeBuilder) -> None:
    """Power for an exponent that is one number, Exp for a base that is one."""
    a, b = net.operand(node.input(0)), net.operand(node.input(1))
    shape = node.output.shape
    if isinstance(b, Parameter) and b.size == 1:
        y = layers.power(net, as_blob(net, a), power=b.scalar())
    elif isinstance(a, Parameter) and a.size == 1 and 0 < a.scalar() < inf:
        y = net.layer("Exp", [as_blob(net, b)], exp_param={"base": a.scalar()})
    else:
        net.refuse(
            "neither its base nor its exponent is one constant number",
            "a base that is positive can be written as exp(exponent * log(base))",
        )
    net.give(node, layers.expand(net, y, shape))


# ---- Any number of operands ----


@writes(Sum)
def write_sum(node: Node, net: CaffeBuilder) -> None:
    """Eltwise SUM."""
    operands = [net.operand(node.input(i)) for i in range(len(node.inputs))]
    if all(isinstance(each, Blob) and each.shape == node.output.shape for each in operands):
        net.give(node, layers.weighted_sum(net, [each for each in operands if isinstance(each, Blob)]))
        return
    total = as_blob(net, operands[0])
    for each in operands[1:]:
        total = add(net, total, each)
    net.give(node, total)


@writes(Mean)
def write_mean(node: Node, net: CaffeBuilder) -> None:
    """Eltwise SUM with coefficients."""
    xs = _expanded(node, net)
    net.give(node, layers.weighted_sum(net, xs, [1 / len(xs)] * len(xs)))


@writes(Max)
def write_max(node: Node, net: CaffeBuilder) -> None:
    """Eltwise MAX."""
    net.give(node, layers.maximum(net, _expanded(node, net)))


@writes(Min)
def write_min(node: Node, net: CaffeBuilder) -> None:
    """-max(-x, -y, ...)."""
    xs = _expanded(node, net)
    if len(xs) == 1:
        net.give(node, xs[0])
    else:
        net.give(node, layers.negative(net, layers.maximum(net, [layers.negative(net, x) for x in xs])))


def _expanded(node: Node, net: CaffeBuilder) -> list[Blob]:
    """Return all inputs as blobs of the output's shape. Constants are computed from another input if it is a blob."""
    operands = [net.operand(node.input(i)) for i in range(len(node.inputs))]
    wide = {each: layers.expand(net, each, node.output.shape) for each in operands if isinstance(each, Blob)}
    like = next(iter(wide.values()), None)
    blobs = []
    for each in operands:
        if isinstance(each, Blob):
            blobs.append(wide[each])
        elif like is None:
            blobs.append(constant(net, each.broadcast(node.output.shape)))
        elif each.size == 1:
            blobs.append(layers.filled(net, like, each.scalar()))
        else:
            blobs.append(add(net, layers.filled(net, like, 0.0), each))
    return blobs


# ---- One operand ----


@writes(Identity)
def identity(node: Node, net: CaffeBuilder) -> None:
    """Split with one top; Parameter for a constant."""
    net.give(node, as_blob(net, net.operand(node.input(0))))


@writes(Cast)
def cast(node: Node[Cast], net: CaffeBuilder) -> None:
    """Nothing, for all numbers are floats in Caffe; x != 0 for a bool.

    A float becomes an index where layers take it that truncate by themselves (Embed, BatchReindex).
    """
    source, x = node.input(0), net.blob(node.input(0))
    to = node.operator.to
    if to == "bool" and source.dtype != "bool":
        x = layers.threshold(net, net.layer("AbsVal", [x]), 0.0)
    elif to == "int64" and source.dtype == "float32":
        y, takers = node.output, net.graph.consumers().get(node.output.name, [])
        if y in net.graph.outputs or any(y.name not in taker.operator.index_rows(taker) for taker in takers):
            net.refuse("it rounds numbers to integers, and Caffe has no layer that rounds")
    net.give(node, x)


@writes(Abs)
def absolute(node: Node, net: CaffeBuilder) -> None:
    """AbsVal."""
    net.give(node, net.layer("AbsVal", [net.blob(node.input(0))]))


@writes(Neg)
def negate(node: Node, net: CaffeBuilder) -> None:
    """Power with scale -1."""
    net.give(node, layers.negative(net, net.blob(node.input(0))))


@writes(Exp)
def exp(node: Node, net: CaffeBuilder) -> None:
    """Exp."""
    net.give(node, net.layer("Exp", [net.blob(node.input(0))]))


@writes(Log)
def log(node: Node, net: CaffeBuilder) -> None:
    """Log."""
    net.give(node, net.layer("Log", [net.blob(node.input(0))]))


@writes(Sqrt)
def sqrt(node: Node, net: CaffeBuilder) -> None:
    """Power 1/2."""
    net.give(node, layers.power(net, net.blob(node.input(0)), power=0.5))


@writes(Reciprocal)
def reciprocal(node: Node, net: CaffeBuilder) -> None:
    """Power -1."""
    net.give(node, layers.power(net, net.blob(node.input(0)), power=-1.0))


@writes(Sign)
def sign(node: Node, net: CaffeBuilder) -> None:
    """(x > 0) - (-x > 0)."""
    x = net.blob(node.input(0))
    above, below = layers.threshold(net, x, 0.0), layers.threshold(net, layers.negative(net, x), 0.0)
    net.give(node, layers.difference(net, above, below))


@writes(Floor, Ceil, Erf)
def without_layer(node: Node, net: CaffeBuilder) -> None:
    """Refused."""
    net.refuse(f"Caffe 1.0 has no layer for {node.operator.name.lower()}(x), and none can be composed exactly")
