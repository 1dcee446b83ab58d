"""Products of matrices."""

from __future__ import annotations

from pipeline.caffe2.write.broadcasting import own_axes
from pipeline.caffe2.write.builder import Caffe2Builder, writes
from pipeline.caffe2.write.steps import expand, reshape
from pipeline.graph.operators import Gemm, MatMul
from pipeline.graph.operators.checks import broadcast
from pipeline.graph.values import Node, Shape


@writes(Gemm)
def gemm(node: Node[Gemm], net: Caffe2Builder) -> None:
    """FC if it is a plain linear layer with a bias, else MatMul, Scale and Add."""
    a, b, alpha, beta = node.input(0), node.input(1), node.operator.alpha, node.operator.beta
    turned = {name: 1 for name, key in (("trans_a", "transA"), ("trans_b", "transB")) if getattr(node.operator, key)}
    if not node.has_input(2) or beta == 0:
        if alpha == 1:
            net.give("MatMul", net.blob(a), net.blob(b), **turned)
        else:
            net.give("Scale", net.step("MatMul", net.blob(a), net.blob(b), part="product", **turned), scale=alpha)
        return
    c = node.input(2)
    columns = node.output.shape[1]
    one_a_column = c.size == columns and c.shape[-1:] == (columns,)
    if alpha == beta == 1 and one_a_column and not node.operator.transA:
        kind = "FC" if node.operator.transB else "FCTransposed"
        net.give(kind, net.blob(a), net.blob(b), net.shaped(c, (columns,)))
        return
    product = net.step("MatMul", net.blob(a), net.blob(b), part="product", **turned)
    if alpha != 1:
        product = net.step("Scale", product, part="scaled", scale=alpha)
    blob, placed = own_axes(net, node.output.shape, c)
    if beta != 1:
        blob = net.step("Scale", blob, part="offset", scale=beta)
    net.give("Add", product, blob, **placed)


@writes(MatMul)
def matmul(node: Node, net: Caffe2Builder) -> None:
    """MatMul of two matrices, or BatchMatMul of more axes, with batches expanded to equal shapes first."""
    a, b = node.input(0), node.input(1)
    left: Shape = a.shape if a.rank > 1 else (1, *a.shape)
    right: Shape = b.shape if b.rank > 1 else (*b.shape, 1)
    one, other = net.shaped(a, left), net.shaped(b, right)
    batch = broadcast(left[:-2], right[:-2])
    result = (*batch, left[-2], right[-1])
    kind, how = "MatMul", {}
    if len(result) > 2:
        kind = "BatchMatMul"
        if 2 in (len(left), len(right)):
            how = {"broadcast": 1}
        else:
            one = net.through(one, expand(left, (*batch, *left[-2:])), "left")
            other = net.through(other, expand(right, (*batch, *right[-2:])), "right")
    if result == node.output.shape:
        net.give(kind, one, other, **how)
    else:
        product = net.step(kind, one, other, part="product", **how)
        net.through(product, reshape(result, node.output.shape))
