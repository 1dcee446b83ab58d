"""Products of matrices."""

from __future__ import annotations

from pipeline.graph.operators import Gemm, MatMul
from pipeline.graph.values import Node
from pipeline.pytorch.code import Code, Literal, call, infix, method
from pipeline.pytorch.write.builder import ModuleBuilder, writes


@writes(Gemm)
def gemm(node: Node[Gemm], net: ModuleBuilder) -> None:
    """Linear if its weights are constant and in the layout of Linear, else a product and a sum."""
    op, a, b = node.operator, node.input(0), node.input(1)
    c = node.input(2) if node.has_input(2) else None
    plain = (op.alpha, op.beta, op.transA, op.transB) == (1, 1, 0, 1)
    own = net.array(a) is None and net.array(b) is not None
    if plain and own and (c is None or (c.shape == b.shape[:1] and net.array(c) is not None)):
        keywords: dict[str, Literal] = {} if c else {"bias": False}
        net.layer(call("nn.Linear", b.shape[1], b.shape[0], **keywords), net.read(a), {"weight": b, "bias": c})
        return
    left = method(net.tensor(a), "t") if op.transA else net.tensor(a)
    right = method(net.tensor(b), "t") if op.transB else net.tensor(b)
    scales: dict[str, Code | Literal] = {"beta": op.beta} if op.beta != 1 else {}
    scales |= {"alpha": op.alpha} if op.alpha != 1 else {}
    if c is not None:
        net.give(call("torch.addmm", net.tensor(c), left, right, **scales))
    elif op.alpha == 1:
        net.give(infix(left, "@", right))
    else:
        net.give(infix(infix(left, "@", right), "*", op.alpha))


@writes(MatMul)
def matmul(node: Node, net: ModuleBuilder) -> None:
    """Multiply."""
    net.give(infix(net.tensor(node.input(0)), "@", net.tensor(node.input(1))))
