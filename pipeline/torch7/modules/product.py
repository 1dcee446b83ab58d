"""Products of matrices and vectors, distances and similarities."""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import Gemm, ReduceL1, ReduceL2, ReduceSum, ReduceSumSquare, Reduction, Tile, Transpose
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.table import alike_pair, pair


@module("nn.MM", items=pair)
def matrix_product(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Multiply two matrices, or two batches of them, which are transposed by `transA` and `transB`."""
    a, b = alike_pair(x, net)
    if a.rank != b.rank or a.rank not in (2, 3):
        net.misfit("two tensors of 2 or of 3 dimensions", x)
    if a.rank == 2:
        return net.add(Gemm(transA=int(m.flag("transA")), transB=int(m.flag("transB"))), a, b)
    a = swapped(a, net, "a") if m.flag("transA") else a
    b = swapped(b, net, "b") if m.flag("transB") else b
    return net.add("MatMul", a, b)


def swapped(x: Value, net: Lowering, part: str) -> Value:
    """Return x with its last two axes swapped."""
    return net.add(Transpose(perm=(*range(x.rank - 2), x.rank - 1, x.rank - 2)), x, part=part)


@module("nn.MV", items=pair)
def matrix_vector(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Multiply a matrix with a vector, or a batch of them."""
    matrix, vector = alike_pair(x, net)
    if matrix.rank != vector.rank + 1 or vector.rank not in (1, 2):
        net.misfit("a table of matrices and vectors", x)
    matrix = swapped(matrix, net, "matrix") if m.flag("trans") else matrix
    y = net.add("MatMul", matrix, net.reshape(vector, (*vector.shape, 1), part="column"), part="product")
    return net.reshape(y, y.shape[:-1])


def row_sums(x: Value, net: Lowering, operator: type[Reduction] = ReduceSum, part: str = "") -> Value:
    """Return x reduced over the last of one or two axes: (N, F) to (N), (F) to (1)."""
    return net.add(operator(axes=(x.rank - 1,), keepdims=int(x.rank == 1)), x, part=part)


def vectors(x: tuple[TorchValue, ...], net: Lowering) -> tuple[Value, Value]:
    """Return the first two tensors of a table, which must have the same shape of one or two dimensions."""
    a, b = alike_pair(x[:2], net)
    if a.shape != b.shape or a.rank not in (1, 2):
        net.misfit("two tensors of one shape with 1 or 2 dimensions", x)
    return a, b


@module("nn.DotProduct", items=pair)
def dot_product(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The sum of a b over the features."""
    return row_sums(net.add("Mul", *vectors(x, net), part="product"), net)


@module("nn.CosineDistance", items=pair)
def cosine_distance(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """a.b / sqrt((a.a + 1e-12) (b.b + 1e-12))."""
    a, b = vectors(x, net)
    dot = row_sums(net.add("Mul", a, b, part="product"), net, part="dot")
    eps = net.constant(1e-12, "eps")
    squares = [
        net.add("Add", row_sums(v, net, ReduceSumSquare, f"{name}_square"), eps, part=f"{name}_eps")
        for name, v in (("a", a), ("b", b))
    ]
    return net.add("Div", dot, net.add("Sqrt", net.add("Mul", *squares, part="squares"), part="norms"))


@module("nn.PairwiseDistance", items=pair)
def pairwise_distance(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The p-norm of a - b; p is called `norm`."""
    a, b = vectors(x, net)
    p = m.float("norm", 2.0)
    difference = net.add("Sub", a, b, part="difference")
    if p in (1, 2):
        return row_sums(difference, net, ReduceL1 if p == 1 else ReduceL2)
    powers = net.add("Pow", net.add("Abs", difference, part="abs"), net.constant(p, "p"), part="power")
    return net.add("Pow", row_sums(powers, net, part="sum"), net.constant(1 / p, "inverse_p"))


@module("nn.Cosine", rank=2, sizes=lambda m: {1: m.weight().shape[1]})
def cosine(m: Module, x: Value, net: Lowering) -> Value:
    """y = w.x / (|w| + 1e-12) / (|x| + 1e-12) for each row w of the weight."""
    weight = m.weight().astype(np.float64)
    weight = weight / (np.linalg.norm(weight, axis=1, keepdims=True) + 1e-12)
    dot = net.add(Gemm(transB=1), x, net.weight(weight.astype(np.float32)), None, part="dot")
    norm = net.add(ReduceL2(axes=(1,), keepdims=1), x, part="norm")
    return net.add("Div", dot, net.add("Add", norm, net.constant(1e-12, "eps"), part="norm_eps"))


def differences(m: Module, x: Value, net: Lowering) -> Value:
    """Return x - w for every column w of the weight (in, out): (N, in) gives (N, out, in)."""
    columns = m.weight().T
    rows = net.reshape(x, (x.shape[0], 1, x.shape[1]), part="rows")
    tiled = net.add(Tile(repeats=(1, len(columns), 1)), rows, part="tiled")
    return net.add("Sub", tiled, net.weight(columns), part="difference")


@module("nn.Euclidean", rank=2, sizes=lambda m: {1: len(m.weight())})
def euclidean(m: Module, x: Value, net: Lowering) -> Value:
    """The distance of x to every column of the weight."""
    return net.add(ReduceL2(axes=(2,), keepdims=0), differences(m, x, net))


@module("nn.WeightedEuclidean", rank=2, sizes=lambda m: {1: len(m.weight())})
def weighted_euclidean(m: Module, x: Value, net: Lowering) -> Value:
    """As Euclidean, with every difference times its element of diagCov."""
    scale = net.weight(m.weight("diagCov").T, "diagCov")
    scaled = net.add("Mul", differences(m, x, net), scale, part="scaled")
    return net.add(ReduceL2(axes=(2,), keepdims=0), scaled)


@module("nn.Bilinear", items=pair)
def bilinear(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """y_k = a W_k b + bias_k; W (out, in1, in2)."""
    a, b = alike_pair(x, net)
    weight, bias = m.weight(), m.array("bias")
    if a.rank != 2 or b.rank != 2 or (a.shape[1], b.shape[1]) != weight.shape[1:] or len(weight.shape) != 3:
        net.misfit(f"two matrices with {weight.shape[1]} and {weight.shape[-1]} columns", x)
    outputs, inner = weight.shape[0], weight.shape[2]
    flat = weight.transpose(0, 2, 1).reshape(outputs * inner, weight.shape[1])
    product = net.add(Gemm(transB=1), a, net.weight(flat), None, part="product")
    product = net.reshape(product, (a.shape[0], outputs, inner), part="rows")
    other = net.reshape(b, (b.shape[0], 1, inner), part="other")
    other = net.add(Tile(repeats=(1, outputs, 1)), other, part="tiled")
    terms = net.add("Mul", product, other, part="terms")
    y = net.add(ReduceSum(axes=(2,), keepdims=0), terms, part="" if bias is None else "sum")
    return y if bias is None else net.add("Add", y, net.weight(bias, "bias"))
