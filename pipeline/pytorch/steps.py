"""A module before it becomes text: its layers, its arrays, and the steps of its computation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.pytorch.code import Bracket, Code

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Layer:
    """A submodule: the code that makes it, and its arrays, by their names in it.

    `tied` identifies the weights of these arrays, so that layers that share a weight are found.
    """

    made: Bracket
    arrays: Mapping[str, Array] = field(default_factory=dict)
    tied: Mapping[str, str] = field(default_factory=dict)


def tied(value: str, array: Array) -> str:
    """Return a key that is the same for layers that hold the same weight in the same shape."""
    return f"{value} {array.shape}"


@dataclass(frozen=True)
class Step:
    """A line of `forward`: the values that it makes, by an expression or by a layer that is applied to a value."""

    outputs: tuple[str, ...]
    code: Code
    place: tuple[str, ...]
    layer: int = -1

    @property
    def name(self) -> str:
        """Its path as one word."""
        return "_".join(self.place)


@dataclass(frozen=True)
class Held:
    """An array of the module itself, and whether it is learnt."""

    array: Array
    learnt: bool


@dataclass(frozen=True)
class Steps:
    """A whole module: the steps in order, the layers by number, the arrays by weight, and the outputs."""

    steps: Sequence[Step]
    layers: Sequence[Layer]
    held: Mapping[str, Held]
    outputs: tuple[Code, ...]
