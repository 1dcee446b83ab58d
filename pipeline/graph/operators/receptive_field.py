"""What a place of a value sees along a spatial axis of the network's inputs.

Size and step grow as in Dumoulin and Visin, A guide to convolution arithmetic for deep learning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What one place of a value sees along one spatial axis of the inputs, padding included.

    `size` places, and its neighbour those that lie `step` further.
    """

    size: Fraction = Fraction(1)
    step: Fraction = Fraction(1)

    def windowed(self, kernel: int, stride: int, dilation: int) -> ReceptiveField:
        """Return the field of a place that looks through a window at places with this one."""
        return ReceptiveField(self.size + (kernel - 1) * dilation * self.step, self.step * stride)

    def spread(self, kernel: int, stride: int, dilation: int) -> ReceptiveField:
        """Return the field of a place that windows of places with this one write to (ConvTranspose)."""
        writers = math.ceil(((kernel - 1) * dilation + 1) / stride)
        return ReceptiveField(self.size + (writers - 1) * self.step, self.step / stride)

    def resized(self, old: int, new: int, *, linear: bool) -> ReceptiveField:
        """Return the field after resizing an axis from `old` places to `new`; linear mixes two neighbours."""
        return ReceptiveField(self.size + self.step if linear and new != old else self.size, self.step * old / new)
