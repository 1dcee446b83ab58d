"""Products of matrices: InnerProduct and Convolution with a constant, Tile, Scale and a sum for two blobs."""

from __future__ import annotations

from math import prod

import numpy as np

from pipeline.caffe.write import arithmetic, layers
from pipeline.caffe.write.builder import Blob, CaffeBuilder, Parameter, writes
from pipeline.caffe.write.selection import transpose
from pipeline.graph.operators import Gemm, MatMul
from pipeline.graph.operators.checks import broadcast
from pipeline.graph.values import Node


def _transposed(matrix: Parameter) -> Parameter:
    return matrix.map(np.transpose, matrix.shape[::-1])


@writes(Gemm)
def gemm(node: Node[Gemm], net: CaffeBuilder) -> None:
    """InnerProduct where B is constant, with c as its bias where that is one too; else see MatMul."""
    a, b = net.blob(node.input(0)), net.operand(node.input(1))
    term = _scaled(net, net.operand(node.input(2)), node.operator.beta) if node.has_input(2) else None
    a = transpose(net, a, (1, 0)) if node.operator.transA else a
    a = layers.power(net, a, scale=node.operator.alpha)
    if isinstance(b, Blob):
        y = multiply(net, a, transpose(net, b, (1, 0)) if node.operator.transB else b)
    else:
        weight = b if node.operator.transB else _transposed(b)
        bias = _bias(term, weight.shape[0])
        y = layers.inner_product(net, a, weight, bias)
        term = None if bias else term
    net.give(node, y if term is None else arithmetic.add(net, y, term))


def _scaled(net: CaffeBuilder, term: Blob | Parameter, beta: float) -> Blob | Parameter:
    if isinstance(term, Blob):
        return layers.power(net, term, scale=beta)
    return term if beta == 1 else term.map(lambda array: array * np.float32(beta))


def _bias(term: Blob | Parameter | None, outputs: int) -> Parameter | None:
    """Return a constant as the bias of an InnerProduct; None if it differs between rows."""
    if not isinstance(term, Parameter) or any(size != 1 for size in term.shape[:-1]):
        return None
    return term.reshaped(term.shape[-1:]).broadcast((outputs,))


@writes(MatMul)
def matmul(node: Node, net: CaffeBuilder) -> None:
    """InnerProduct for a constant matrix on the right, Convolution for one on the left; else see `multiply`."""
    a, b = net.operand(node.input(0)), net.operand(node.input(1))
    shape = node.output.shape
    if isinstance(b, Parameter) and len(b.shape) <= 2:
        x = arithmetic.as_blob(net, a)
        matrix = _transposed(b) if len(b.shape) == 2 else b.reshaped((1, *b.shape))
        net.give(node, layers.reshape(net, layers.inner_product(net, x, matrix), shape))
    elif isinstance(a, Parameter) and len(a.shape) <= 2 and isinstance(b, Blob):
        matrix = a if len(a.shape) == 2 else a.reshaped((1, *a.shape))
        net.give(node, layers.reshape(net, layers.matrix_along(net, b, max(b.rank - 2, 0), matrix), shape))
    else:
        x, y = arithmetic.as_blob(net, a), arithmetic.as_blob(net, b)
        left = layers.reshape(net, x, (1, *x.shape)) if x.rank == 1 else x
        right = layers.reshape(net, y, (*y.shape, 1)) if y.rank == 1 else y
        net.give(node, layers.reshape(net, multiply(net, left, right), shape))


def multiply(net: CaffeBuilder, a: Blob, b: Blob) -> Blob:
    """Return the product of two blobs of matrices (..., M, K) and (..., K, N).

    All M K N products of numbers are computed, and then summed over K, so this needs memory for as many numbers.
    """
    outer = broadcast(a.shape[:-2], b.shape[:-2])
    (m, k), n, batch = a.shape[-2:], b.shape[-1], prod(outer)
    left = layers.reshape(net, layers.expand(net, a, (*outer, m, k)), (batch, m, k))
    right = layers.reshape(net, layers.expand(net, b, (*outer, k, n)), (batch, 1, k, n))
    products = layers.scale(net, layers.tile(net, right, 1, m), left, 0)
    ones = Parameter((1, k), lambda: np.ones((1, k), np.float32))
    return layers.reshape(net, layers.matrix_along(net, products, 2, ones), (*outer, m, n))
