"""Convolutions over 1, 2 or 3 spatial axes, and the two 2-D relatives that ONNX lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.graph.operators.checks import check_float, check_rank, check_shape, check_windows
from pipeline.graph.operators.operator import Ints, ShapeError, operator
from pipeline.graph.values import Shape, TensorType, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")


def torch_padding(pads: Ints) -> list[int]:
    """Turn ONNX's pads (all begins, then all ends) into PyTorch's (begin, end of the last axis first).

    >>> torch_padding((1, 2, 3, 4))
    [2, 4, 1, 3]
    """
    axes = len(pads) // 2
    return [number for i in reversed(range(axes)) for number in (pads[i], pads[i + axes])]


def _padded(x: Tensor, pads: Ints) -> Tensor:
    return torch.nn.functional.pad(x, torch_padding(pads)) if any(pads) else x


def convolved_shape(x: Value, kernel_shape: Ints, strides: Ints, pads: Ints, dilations: Ints) -> Shape:
    """Give the spatial shape after sliding a window over x: floor((size + pads - window) / stride) + 1."""
    axes = len(kernel_shape)
    check_windows(axes, kernel_shape=kernel_shape, strides=strides, pads=pads, dilations=dilations)
    check_rank(x, axes + 2)
    if min(pads) < 0:
        raise ShapeError(f"pads {pads} are negative")
    spatial = []
    for i, size in enumerate(x.shape[2:]):
        window = (kernel_shape[i] - 1) * dilations[i] + 1
        span = size + pads[i] + pads[i + axes] - window
        if span < 0:
            raise ShapeError(f"a window of {window} does not fit axis {i + 2} of {x.shape} with pads {pads}")
        spatial.append(span // strides[i] + 1)
    return tuple(spatial)


@operator("Conv")
class Conv:
    """Cross-correlation of x (N, Cin, ...) with w (Cout, Cin/group, kernel...), plus b (Cout)."""

    @staticmethod
    def infer(
        x: Value,
        w: Value,
        b: Value | None = None,
        *,
        kernel_shape: Ints,
        strides: Ints,
        pads: Ints,
        dilations: Ints,
        group: int = 1,
    ) -> TensorType:
        check_float(x, w, b)
        spatial = convolved_shape(x, kernel_shape, strides, pads, dilations)
        check_rank(w, x.rank)
        batch, channels, maps = x.shape[0], x.shape[1], w.shape[0]
        if group < 1 or channels % group or maps % group:
            raise ShapeError(f"{group} groups do not divide {channels} channels and {maps} maps")
        check_shape("w", w, (maps, channels // group, *kernel_shape))
        check_shape("b", b, (maps,))
        return TensorType((batch, maps, *spatial))

    @staticmethod
    def evaluate(
        x: Tensor,
        w: Tensor,
        b: Tensor | None = None,
        *,
        kernel_shape: Ints,
        strides: Ints,
        pads: Ints,
        dilations: Ints,
        group: int,
    ) -> Tensor:
        axes = len(kernel_shape)
        begins, ends = pads[:axes], pads[axes:]
        if begins != ends:
            x, begins = _padded(x, pads), (0,) * axes
        functional = torch.nn.functional
        convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[axes - 1]
        return convolve(x, w, b, strides, begins, dilations, group)


@operator("ConvTranspose")
class ConvTranspose:
    """The transpose of Conv: x (N, Cin, ...), w (Cin, Cout/group, kernel...), b (Cout).

    Each axis: size = (in - 1) stride + (kernel - 1) dilation + 1 - pads + output_padding.
    """

    @staticmethod
    def infer(
        x: Value,
        w: Value,
        b: Value | None = None,
        *,
        kernel_shape: Ints,
        strides: Ints,
        pads: Ints,
        dilations: Ints,
        group: int = 1,
        output_padding: Ints,
    ) -> TensorType:
        check_float(x, w, b)
        axes = len(kernel_shape)
        windows = {"kernel_shape": kernel_shape, "strides": strides, "dilations": dilations}
        check_windows(axes, pads=pads, output_padding=output_padding, **windows)
        check_rank(x, axes + 2)
        check_rank(w, x.rank)
        channels, maps = x.shape[1], w.shape[1] * group
        if min(pads) < 0 or group < 1 or channels % group:
            raise ShapeError(f"pads {pads} or {group} groups do not fit shape {x.shape}")
        check_shape("w", w, (channels, maps // group, *kernel_shape))
        check_shape("b", b, (maps,))
        spatial = tuple(
            (x.shape[i + 2] - 1) * strides[i]
            + (kernel_shape[i] - 1) * dilations[i]
            + 1
            - pads[i]
            - pads[i + axes]
            + output_padding[i]
            for i in range(axes)
        )
        if min(spatial) < 1:
            raise ShapeError(f"pads {pads} leave nothing of shape {x.shape}: {spatial}")
        return TensorType((x.shape[0], maps, *spatial))

    @staticmethod
    def evaluate(
        x: Tensor,
        w: Tensor,
        b: Tensor | None = None,
        *,
        kernel_shape: Ints,
        strides: Ints,
        pads: Ints,
        dilations: Ints,
        group: int,
        output_padding: Ints,
    ) -> Tensor:
        axes = len(kernel_shape)
        functional = torch.nn.functional
        deconvolve = (functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d)
        y: Tensor = deconvolve[axes - 1](x, w, None, strides, groups=group, dilation=dilations)
        y = _padded(y, (*(0,) * axes, *output_padding))  # places that no window covers
        y = _padded(y, tuple(-pad for pad in pads))  # which may crop all that a window covers
        return y if b is None else y + b.reshape(-1, *(1,) * axes)


@operator("LocallyConnected")
class LocallyConnected:
    """Convolution with weights of its own at each place: w (OH, OW, Cout, Cin, kH, kW), b (Cout, OH, OW)."""

    @staticmethod
    def infer(
        x: Value, w: Value, b: Value | None = None, *, kernel_shape: Ints, strides: Ints, pads: Ints
    ) -> TensorType:
        check_float(x, w, b)
        check_rank(x, 4)
        check_rank(w, 6)
        maps = w.shape[2]
        spatial = convolved_shape(x, kernel_shape, strides, pads, (1,) * len(kernel_shape))
        check_shape("w", w, (*spatial, maps, x.shape[1], *kernel_shape))
        check_shape("b", b, (maps, *spatial))
        return TensorType((x.shape[0], maps, *spatial))

    @staticmethod
    def evaluate(
        x: Tensor,
        w: Tensor,
        b: Tensor | None = None,
        *,
        kernel_shape: Ints,
        strides: Ints,
        pads: Ints,
    ) -> Tensor:
        height, width, maps = w.shape[:3]
        columns = torch.nn.functional.unfold(_padded(x, pads), kernel_shape, stride=strides)
        places = w.reshape(height * width, maps, -1) @ columns.permute(2, 1, 0)
        y = places.permute(2, 1, 0).reshape(-1, maps, height, width)
        return y if b is None else y + b


@operator("Im2Col")
class Im2Col:
    """Every window of x (N, C, H, W) as channels: (N, C kH kW, OH, OW), as Caffe's Im2col layer."""

    @staticmethod
    def infer(x: Value, *, kernel_shape: Ints, strides: Ints, pads: Ints, dilations: Ints) -> TensorType:
        check_float(x)
        check_rank(x, 4)
        height, width = convolved_shape(x, kernel_shape, strides, pads, dilations)
        channels = x.shape[1] * kernel_shape[0] * kernel_shape[1]
        return TensorType((x.shape[0], channels, height, width))

    @staticmethod
    def evaluate(x: Tensor, *, kernel_shape: Ints, strides: Ints, pads: Ints, dilations: Ints) -> Tensor:
        x = _padded(x, pads)
        columns = torch.nn.functional.unfold(x, kernel_shape, dilations, stride=strides)
        window = (kernel_shape[0] - 1) * dilations[0] + 1
        height = (x.shape[2] - window) // strides[0] + 1
        return columns.reshape(*columns.shape[:2], height, -1)
