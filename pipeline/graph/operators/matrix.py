"""Products of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import (
    broadcast,
    check_broadcast_to,
    check_float,
    check_minimum_rank,
    check_rank,
)
from pipeline.graph.operators.operator import ShapeError, operator
from pipeline.graph.values import TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


@operator("Gemm")
class Gemm:
    """y = alpha A B + beta c, where A is a (M, K) or its transpose, B is b (K, N) or its transpose."""

    @staticmethod
    def infer(
        a: Value,
        b: Value,
        c: Value | None = None,
        *,
        alpha: float = 1.0,
        beta: float = 1.0,
        transA: int = 0,
        transB: int = 0,
    ) -> TensorType:
        check_float(a, b, c)
        check_rank(a, 2)
        check_rank(b, 2)
        rows, inner = reversed(a.shape) if transA else a.shape
        same, columns = reversed(b.shape) if transB else b.shape
        if inner != same:
            raise ShapeError(f"a {a.shape} (transA={transA}) does not fit b {b.shape} (transB={transB})")
        if c is not None:
            check_broadcast_to("c", c, (rows, columns))
        return TensorType((rows, columns))

    @staticmethod
    def evaluate(
        a: Tensor, b: Tensor, c: Tensor | None = None, *, alpha: float, beta: float, transA: int, transB: int
    ) -> Tensor:
        a = a.T if transA else a
        b = b.T if transB else b
        if c is None:
            return a @ b if alpha == 1 else alpha * (a @ b)
        return torch.addmm(c, a, b, beta=beta, alpha=alpha)


@operator("MatMul")
class MatMul:
    """y = a b, by numpy.matmul's rule for every rank."""

    @staticmethod
    def infer(a: Value, b: Value) -> TensorType:
        check_float(a, b)
        check_minimum_rank(a, 1)
        check_minimum_rank(b, 1)
        rows = a.shape[-2:-1]
        columns = b.shape[-1:] if b.rank > 1 else ()
        if a.shape[-1] != (b.shape[-2] if b.rank > 1 else b.shape[0]):
            raise ShapeError(f"a {a.shape} does not fit b {b.shape}")
        return TensorType((*broadcast(a.shape[:-2], b.shape[:-2]), *rows, *columns))

    @staticmethod
    def evaluate(a: Tensor, b: Tensor) -> Tensor:
        return torch.matmul(a, b)
