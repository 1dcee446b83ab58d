"""What operators share that slide windows over the spatial axes (all but the first two)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from pipeline.graph.operators.checks import check_rank, check_windows
from pipeline.graph.operators.operator import Ints, Operator, ShapeError
from pipeline.graph.operators.receptive_field import ReceptiveField
from pipeline.graph.values import Node, Shape, Value


@dataclass(frozen=True, kw_only=True)
class Window(Operator):
    """Windows of `kernel_shape` places, at distances `strides`. `pads` are all begins, then all ends."""

    kernel_shape: Ints
    strides: Ints
    pads: Ints

    @property
    def axes(self) -> int:
        """The number of axes along which the windows slide."""
        return len(self.kernel_shape)

    @property
    def begins(self) -> Ints:
        """The pads before each axis."""
        return self.pads[: self.axes]

    @property
    def ends(self) -> Ints:
        """The pads after each axis."""
        return self.pads[self.axes :]

    @property
    def spacing(self) -> Ints:
        """How far apart the places of a window are along each axis."""
        return (1,) * self.axes

    @property
    def extents(self) -> Ints:
        """The extent of each window along each axis, including places between its own."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel_shape, self.spacing, strict=True))

    def check(self, x: Value) -> None:
        """Raise ShapeError if the attributes do not fit each other or x (N, C, spatial axes...)."""
        geometry = {"kernel_shape": self.kernel_shape, "strides": self.strides, "dilations": self.spacing}
        check_windows(self.axes, pads=self.pads, **geometry)
        check_rank(x, self.axes + 2)

    def slid(self, x: Value) -> Shape:
        """Return the spatial shape after sliding the windows over x: floor((size + pads - extent) / stride) + 1."""
        self.check(x)
        if min(self.pads) < 0:
            raise ShapeError(f"pads {self.pads} are negative")
        spatial = []
        axes = zip(x.shape[2:], self.begins, self.ends, self.extents, self.strides, strict=True)
        for axis, (size, begin, end, extent, stride) in enumerate(axes, 2):
            span = size + begin + end - extent
            if span < 0:
                raise ShapeError(f"a window of {extent} does not fit axis {axis} of {x.shape} with pads {self.pads}")
            spatial.append(span // stride + 1)
        return tuple(spatial)

    def scratch_bytes(self, node: Node) -> int:
        """Return the bytes of the padded input, as far as the windows extend."""
        return 4 * prod(node.input(0).shape[:2]) * prod(self.spans(node.output.shape[2:]))

    def spans(self, counts: Shape) -> Shape:
        """Return the extent of this many windows along each axis."""
        axes = zip(counts, self.strides, self.extents, strict=True)
        return tuple((count - 1) * stride + extent for count, stride, extent in axes)

    def mixes(self, node: Node, axis: int) -> bool:
        return axis > 0

    def receptive_field(self, node: Node, seen: tuple[ReceptiveField, ...]) -> tuple[ReceptiveField, ...] | None:
        axes = zip(seen, self.kernel_shape, self.strides, self.spacing, strict=True)
        return tuple(field.windowed(k, s, d) for field, k, s, d in axes)


@dataclass(frozen=True, kw_only=True)
class DilatedWindow(Window):
    """Windows whose places are `dilations` apart."""

    dilations: Ints

    @property
    def spacing(self) -> Ints:
        """How far apart the places of a window are along each axis."""
        return self.dilations


def torch_padding(pads: Ints) -> list[int]:
    """Return ONNX's pads (all begins, then all ends) in PyTorch's order (begin and end of the last axis first).

    >>> torch_padding((1, 2, 3, 4))
    [2, 4, 1, 3]
    """
    axes = len(pads) // 2
    return [number for i in reversed(range(axes)) for number in (pads[i], pads[i + axes])]
