"""What a module is before it is text: its layers, the arrays it holds, and what it computes step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.pytorch.code import Bracket, Code

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Layer:
    """A submodule: how it is made, and the arrays it holds, by their names in it.

    `tied` says which weights these are, by which two layers are found to share one.
    """

    made: Bracket
    arrays: Mapping[str, Array] = field(default_factory=dict)
    tied: Mapping[str, str] = field(default_factory=dict)


def tied(value: str, array: Array) -> str:
    """Return what two layers have in common that hold the same weight in the same shape."""
    return f"{value} {array.shape}"


@dataclass(frozen=True)
class Step:
    """A line of `forward`: the values it makes, of which expression, or of which layer applied to which value."""

    outputs: tuple[str, ...]
    code: Code
    place: tuple[str, ...]
    layer: int = -1

    @property
    def name(self) -> str:
        """Its place as one word."""
        return "_".join(self.place)


@dataclass(frozen=True)
class Held:
    """An array that the module itself holds, and whether it is learnt."""

    array: Array
    learnt: bool


@dataclass(frozen=True)
class Steps:
    """All of it: the steps in order, the layers by number, the arrays by the weight they are, and the outputs."""

    steps: Sequence[Step]
    layers: Sequence[Layer]
    held: Mapping[str, Held]
    outputs: tuple[Code, ...]
