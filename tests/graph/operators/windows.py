"""Windows by their definition: slow loops over places, for tests to judge the evaluator by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from hypothesis import strategies as st


@dataclass(frozen=True)
class Geometry:
    """Windows over spatial axes of these sizes."""

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]
    dilations: tuple[int, ...]
    ceil_mode: int

    @property
    def attributes(self) -> dict[str, tuple[int, ...]]:
        return {"kernel_shape": self.kernel, "strides": self.strides, "pads": self.begins + self.ends}

    def starts(self, axis: int) -> list[int]:
        """Return where the windows of an axis start; 0 is the first place of the image."""
        begin, end, stride = self.begins[axis], self.ends[axis], self.strides[axis]
        size, window = self.sizes[axis], (self.kernel[axis] - 1) * self.dilations[axis] + 1
        found, start = [], -begin
        while start + window <= size + end or (
            self.ceil_mode and start - stride + window < size + end and start < size
        ):
            found.append(start)
            start += stride
        return found

    def windows(self) -> Iterator[tuple[tuple[int, ...], list[list[int]]]]:
        """Return each output place, and along each axis the input places of its window, inside or not."""
        axes = range(len(self.sizes))
        for place in product(*(range(len(self.starts(axis))) for axis in axes)):
            yield (
                place,
                [
                    [
                        -self.begins[a] + place[a] * self.strides[a] + i * self.dilations[a]
                        for i in range(self.kernel[a])
                    ]
                    for a in axes
                ],
            )

    @property
    def output(self) -> tuple[int, ...]:
        return tuple(len(self.starts(axis)) for axis in range(len(self.sizes)))

    def inside(self, places: list[list[int]]) -> list[list[int]]:
        """Keep the places in the image."""
        return [[i for i in along if 0 <= i < size] for along, size in zip(places, self.sizes, strict=True)]


@st.composite
def geometries(
    draw: st.DrawFn, *, axes: int = 2, ceil: bool = True, dilated: bool = False, symmetric: bool = False
) -> Geometry:
    """Draw windows whose kernel, stride, pads and sizes differ from axis to axis; at least one fits."""

    def each(strategy: st.SearchStrategy[int]) -> tuple[int, ...]:
        return tuple(draw(strategy) for _ in range(axes))

    kernel = each(st.integers(1, 3))
    begins = tuple(draw(st.integers(0, k - 1)) for k in kernel)
    ends = begins if symmetric else tuple(draw(st.integers(0, k - 1)) for k in kernel)
    geometry = Geometry(
        sizes=each(st.integers(3 + 2 * dilated, 7)),
        kernel=kernel,
        strides=each(st.integers(1, 3)),
        begins=begins,
        ends=ends,
        dilations=each(st.integers(1, 2)) if dilated else (1,) * axes,
        ceil_mode=draw(st.integers(0, 1)) if ceil else 0,
    )
    assert min(geometry.output) > 0
    return geometry
