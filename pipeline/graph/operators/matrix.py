"""Products of matrices."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

import numpy as np

from pipeline.graph.operators.checks import broadcast, check_broadcast_to, check_float, check_minimum_rank, check_rank
from pipeline.graph.operators.operator import Operator, ShapeError, operator
from pipeline.graph.values import Node, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


class Product(Operator):
    """x times weights (input 1), plus a bias (input 2) for each channel of the result."""

    def bias(self, c: np.ndarray, rank: int) -> np.ndarray:
        """Return the summand for the bias `c`, in a shape that can be broadcast to a result of `rank` axes."""
        return c.reshape(-1, *(1,) * (rank - 2))

    def with_plain_bias(self) -> Self:
        """Return the product with its bias added unscaled."""
        return self

    def scaled(self, w: np.ndarray, factor: np.ndarray) -> np.ndarray:
        """Return the weights scaled so that each channel of the result is multiplied by its number in `factor` (C)."""
        raise NotImplementedError


@operator
class Gemm(Product):
    """y = alpha A B + beta c, where A is a (M, K) or its transpose, B is b (K, N) or its transpose."""

    alpha: float = 1.0
    beta: float = 1.0
    transA: int = 0
    transB: int = 0

    keeps_places = False

    def infer(self, a: Value, b: Value, c: Value | None = None) -> TensorType:
        check_float(a, b, c)
        check_rank(a, 2)
        check_rank(b, 2)
        rows, inner = reversed(a.shape) if self.transA else a.shape
        same, columns = reversed(b.shape) if self.transB else b.shape
        if inner != same:
            raise ShapeError(f"a {a.shape} (transA={self.transA}) does not fit b {b.shape} (transB={self.transB})")
        if c is not None:
            check_broadcast_to("c", c, (rows, columns))
        return TensorType((rows, columns))

    def evaluate(self, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
        a = a.T if self.transA else a
        b = b.T if self.transB else b
        if c is None:
            return a @ b if self.alpha == 1 else self.alpha * (a @ b)
        return torch.addmm(c, a, b, beta=self.beta, alpha=self.alpha)

    def fold(self, *constants: np.ndarray | None) -> np.ndarray | None:
        """Multiply in float64, so that every machine computes the same float32."""
        a, b, c = (None if x is None else x.astype(np.float64) for x in (*constants, None)[:3])
        if a is None or b is None:
            return None
        y = self.alpha * ((a.T if self.transA else a) @ (b.T if self.transB else b))
        return np.asarray(y if c is None else y + self.beta * c, np.float32)

    def multiply_adds(self, node: Node) -> int:
        return node.output.size * node.input(0).shape[0 if self.transA else 1]

    def bias(self, c: np.ndarray, rank: int) -> np.ndarray:
        scaled: np.ndarray = self.beta * c
        return scaled

    def with_plain_bias(self) -> Self:
        return replace(self, beta=1.0)

    def scaled(self, w: np.ndarray, factor: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = w * (factor[:, None] if self.transB else factor)
        return scaled


@operator
class MatMul(Operator):
    """y = a b, by numpy.matmul's rule for every rank."""

    keeps_places = False

    def infer(self, a: Value, b: Value) -> TensorType:
        check_float(a, b)
        check_minimum_rank(a, 1)
        check_minimum_rank(b, 1)
        rows = a.shape[-2:-1]
        columns = b.shape[-1:] if b.rank > 1 else ()
        if a.shape[-1] != (b.shape[-2] if b.rank > 1 else b.shape[0]):
            raise ShapeError(f"a {a.shape} does not fit b {b.shape}")
        return TensorType((*broadcast(a.shape[:-2], b.shape[:-2]), *rows, *columns))

    def evaluate(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.matmul(a, b)

    def multiply_adds(self, node: Node) -> int:
        return node.output.size * node.input(0).shape[-1]
