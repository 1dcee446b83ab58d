"""Operators that choose among many: boxes that overlap, rows that are wanted.

How many rows their outputs have depends on the numbers. Their shapes are those of the largest possible outputs: the
first extent is an upper bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import check_float, check_rank, common_dtype, positive_axis
from pipeline.graph.operators.operator import Operator, ShapeError, operator
from pipeline.graph.values import TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")

LOWEST = -3.4028234663852886e38  # of float32


@operator
class BoxSuppression(Operator):
    """Non-maximum suppression in each class: the scores and the places of the boxes that remain.

    scores (K, C), boxes (K, 4 C): for each of K places a score and x1, y1, x2, y2 (inclusive) for each of C classes.
    The first class, the background, is skipped. For each other class, in order, the boxes remain whose score is above
    score_threshold and whose intersection over union with every better remaining box is at most iou_threshold, best
    first. Caffe2's BoxWithNMSLimit (box_with_nms_limit_op.cc).
    """

    iou_threshold: float
    score_threshold: float = LOWEST

    keeps_places = False

    def infer(self, scores: Value, boxes: Value) -> tuple[TensorType, TensorType]:
        check_float(scores, boxes)
        check_rank(scores, 2)
        if scores.shape[1] < 2 or boxes.shape != (scores.shape[0], 4 * scores.shape[1]):
            raise ShapeError(f"scores {scores.shape} must be (K, C) with C > 1, and boxes {boxes.shape} (K, 4 C)")
        most = (scores.shape[0] * (scores.shape[1] - 1),)
        return TensorType(most), TensorType(most, "int64")

    def evaluate(self, scores: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        corners = boxes.reshape(*scores.shape, 4)
        left = [self._left(scores[:, i], corners[:, i]) for i in range(1, scores.shape[1])]
        return torch.cat([scores[places, i] for i, places in enumerate(left, 1)]), torch.cat(left)

    def _left(self, scores: Tensor, corners: Tensor) -> Tensor:
        """Return the places of the boxes that remain in one class."""
        waiting = torch.sort(scores, descending=True, stable=True).indices
        waiting = waiting[scores[waiting] > self.score_threshold]
        areas = (corners[:, 2:] - corners[:, :2] + 1).prod(1)
        left = []
        while len(waiting):
            best, waiting = waiting[0], waiting[1:]
            left.append(best)
            begins = torch.maximum(corners[best, :2], corners[waiting, :2])
            ends = torch.minimum(corners[best, 2:], corners[waiting, 2:])
            common = (ends - begins + 1).clamp(min=0).prod(1)
            waiting = waiting[common / (areas[best] + areas[waiting] - common) <= self.iou_threshold]
        return torch.stack(left) if left else waiting


@operator
class ScatterAdd(Operator):
    """Zeros, (size,), to which each value is added at its index (int64, from 0)."""

    size: int

    keeps_places = False

    def infer(self, indices: Value, values: Value) -> TensorType:
        common_dtype(indices, allowed=("int64",))
        check_float(values)
        check_rank(values, 1)
        if self.size < 1 or indices.shape != values.shape:
            raise ShapeError(f"indices {indices.shape} and values {values.shape} into {self.size} places")
        return TensorType((self.size,))

    def evaluate(self, indices: Tensor, values: Tensor) -> Tensor:
        return torch.zeros(self.size).index_add(0, indices, values)


@operator
class Compress(Operator):
    """The slices of x along `axis` for which the condition (bool) holds."""

    axis: int = 0

    moves_only = True
    keeps_places = False
    keeps_indices = True

    def infer(self, x: Value, condition: Value) -> TensorType:
        common_dtype(condition, allowed=("bool",))
        if condition.shape != (x.shape[positive_axis(self.axis, x.rank)],):
            raise ShapeError(f"a condition of shape {condition.shape} for axis {self.axis} of {x.shape}")
        return x.type

    def evaluate(self, x: Tensor, condition: Tensor) -> Tensor:
        return x.index_select(self.axis, condition.nonzero()[:, 0])
