"""Convolutions over 1, 2 or 3 spatial axes, and the two 2-D relatives that ONNX lacks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pipeline.graph.operators.checks import check_float, check_rank, check_shape, check_windows
from pipeline.graph.operators.matrix import Product
from pipeline.graph.operators.operator import Ints, ShapeError, operator
from pipeline.graph.operators.receptive_field import ReceptiveField
from pipeline.graph.operators.windows import DilatedWindow, Window, torch_padding
from pipeline.graph.values import Node, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


def _padded(x: Tensor, pads: Ints) -> Tensor:
    return torch.nn.functional.pad(x, torch_padding(pads)) if any(pads) else x


def _places(value: Value) -> int:
    """Return the number of places in all images of a batch, without channels."""
    return value.shape[0] * math.prod(value.shape[2:])


@operator
class Conv(DilatedWindow, Product):
    """Cross-correlation of x (N, Cin, ...) with w (Cout, Cin/group, kernel...), plus b (Cout)."""

    group: int = 1

    def infer(self, x: Value, w: Value, b: Value | None = None) -> TensorType:
        check_float(x, w, b)
        spatial = self.slid(x)
        check_rank(w, x.rank)
        batch, channels, maps = x.shape[0], x.shape[1], w.shape[0]
        if self.group < 1 or channels % self.group or maps % self.group:
            raise ShapeError(f"{self.group} groups do not divide {channels} channels and {maps} maps")
        check_shape("w", w, (maps, channels // self.group, *self.kernel_shape))
        check_shape("b", b, (maps,))
        return TensorType((batch, maps, *spatial))

    def evaluate(self, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        pads = self.begins
        if self.begins != self.ends:
            x, pads = _padded(x, self.pads), (0,) * self.axes
        functional = torch.nn.functional
        convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[self.axes - 1]
        return convolve(x, w, b, self.strides, pads, self.dilations, self.group)

    def multiply_adds(self, node: Node) -> int:
        return _places(node.output) * node.input(1).size

    def scaled(self, w: np.ndarray, factor: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = w * factor.reshape(-1, *(1,) * (w.ndim - 1))
        return scaled


_WIDE = 256  # strides from which oneDNN (used for float32) is extremely slow; it crashes from 32768 on


@operator
class ConvTranspose(DilatedWindow, Product):
    """The transpose of Conv: x (N, Cin, ...), w (Cin, Cout/group, kernel...), b (Cout).

    Each axis: size = (in - 1) stride + (kernel - 1) dilation + 1 - pads + output_padding.
    """

    group: int = 1
    output_padding: Ints

    def infer(self, x: Value, w: Value, b: Value | None = None) -> TensorType:
        check_float(x, w, b)
        self.check(x)
        check_windows(self.axes, output_padding=self.output_padding)
        check_rank(w, x.rank)
        channels, maps = x.shape[1], w.shape[1] * self.group
        if min(self.pads) < 0 or self.group < 1 or channels % self.group:
            raise ShapeError(f"pads {self.pads} or {self.group} groups do not fit shape {x.shape}")
        check_shape("w", w, (channels, maps // self.group, *self.kernel_shape))
        check_shape("b", b, (maps,))
        axes = zip(self.spans(x.shape[2:]), self.begins, self.ends, self.output_padding, strict=True)
        spatial = tuple(span - begin - end + more for span, begin, end, more in axes)
        if min(spatial) < 1:
            raise ShapeError(f"pads {self.pads} leave nothing of shape {x.shape}: {spatial}")
        return TensorType((x.shape[0], maps, *spatial))

    def evaluate(self, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        functional, zeros = torch.nn.functional, (0,) * self.axes
        deconvolve = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)
        wide = max(self.strides) >= _WIDE
        given = (x.double(), w.double()) if wide else (x, w)
        y: Tensor = deconvolve[self.axes - 1](*given, None, self.strides, groups=self.group, dilation=self.dilations)
        y = y.to(x.dtype)
        y = _padded(y, (*zeros, *self.output_padding))  # places that no window covers
        y = _padded(y, tuple(-pad for pad in self.pads))  # which may crop all that a window covers
        return y if b is None else y + b.reshape(-1, *(1,) * self.axes)

    def multiply_adds(self, node: Node) -> int:
        return _places(node.input(0)) * node.input(1).size

    def scratch_bytes(self, node: Node) -> int:
        """Return the bytes of the output before it is cropped by pads."""
        return 4 * math.prod(node.output.shape[:2]) * math.prod(self.spans(node.input(0).shape[2:]))

    def receptive_field(self, node: Node, seen: tuple[ReceptiveField, ...]) -> tuple[ReceptiveField, ...] | None:
        axes = zip(seen, self.kernel_shape, self.strides, self.dilations, strict=True)
        return tuple(field.spread(k, s, d) for field, k, s, d in axes)

    def scaled(self, w: np.ndarray, factor: np.ndarray) -> np.ndarray:
        grouped = w.reshape(self.group, -1, *w.shape[1:])
        by_group = factor.reshape(self.group, 1, -1, *(1,) * (w.ndim - 2))
        scaled: np.ndarray = (grouped * by_group).reshape(w.shape)
        return scaled


@operator
class LocallyConnected(Window):
    """Convolution with separate weights for each place: w (OH, OW, Cout, Cin, kH, kW), b (Cout, OH, OW)."""

    def infer(self, x: Value, w: Value, b: Value | None = None) -> TensorType:
        check_float(x, w, b)
        check_rank(x, 4)
        check_rank(w, 6)
        maps = w.shape[2]
        spatial = self.slid(x)
        check_shape("w", w, (*spatial, maps, x.shape[1], *self.kernel_shape))
        check_shape("b", b, (maps, *spatial))
        return TensorType((x.shape[0], maps, *spatial))

    def evaluate(self, x: Tensor, w: Tensor, b: Tensor | None = None) -> Tensor:
        height, width, maps = w.shape[:3]
        columns = torch.nn.functional.unfold(_padded(x, self.pads), self.kernel_shape, stride=self.strides)
        places = w.reshape(height * width, maps, -1) @ columns.permute(2, 1, 0)
        y = places.permute(2, 1, 0).reshape(-1, maps, height, width)
        return y if b is None else y + b

    def multiply_adds(self, node: Node) -> int:
        return node.output.shape[0] * node.input(1).size


@operator
class Im2Col(DilatedWindow):
    """Every window of x (N, C, H, W) as channels: (N, C kH kW, OH, OW), as Caffe's Im2col layer."""

    moves_only = True

    def infer(self, x: Value) -> TensorType:
        check_float(x)
        check_rank(x, 4)
        height, width = self.slid(x)
        return TensorType((x.shape[0], x.shape[1] * math.prod(self.kernel_shape), height, width))

    def evaluate(self, x: Tensor) -> Tensor:
        x = _padded(x, self.pads)
        columns = torch.nn.functional.unfold(x, self.kernel_shape, self.dilations, stride=self.strides)
        height = (x.shape[2] - self.extents[0]) // self.strides[0] + 1
        return columns.reshape(*columns.shape[:2], height, -1)
