"""What an operator is, and the table of all of them.

An operator is a class with two static functions that stand side by side:

    infer(x, w, *, kernel_shape, strides=...)      values -> the type of each output, or ShapeError
    evaluate(x, w, *, kernel_shape, strides)       PyTorch tensors -> a tensor, or a tuple of them

The keyword-only parameters of `infer` *are* the operator's attributes, with their types and defaults. Names and
meaning are ONNX's (https://onnx.ai/onnx/operators), with one rule: what ONNX takes as a constant input (axes,
shape, pads, repeats, min, max, starts, ends, split, scales) is an attribute of that name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pipeline.graph.registry import Registry
from pipeline.graph.values import Attribute, TensorType

if TYPE_CHECKING:
    import torch

Inferred = TensorType | tuple[TensorType, ...]


class ShapeError(ValueError):
    """The inputs of an operator do not fit together, or its attributes do not fit them."""


class Definition(Protocol):
    """The class that a file of this package writes for an operator."""

    infer: Callable[..., Inferred]
    evaluate: Callable[..., torch.Tensor | tuple[torch.Tensor, ...]]


@dataclass(frozen=True, slots=True)
class Operator:
    """A registered operator: its definition and the attributes its signature declares."""

    name: str
    infer: Callable[..., Inferred]
    evaluate: Callable[..., Any]
    defaults: Mapping[str, Attribute]
    required: frozenset[str]

    def complete(self, attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
        """Add the defaults to `attributes`; raise TypeError for one that is unknown or missing."""
        unknown = attributes.keys() - self.defaults.keys() - self.required
        missing = self.required - attributes.keys()
        if unknown or missing:
            raise TypeError(f"{self.name}: unknown {sorted(unknown)}, missing {sorted(missing)}")
        return dict(sorted({**self.defaults, **attributes}.items()))


OPERATORS: Registry[Operator] = Registry("operator")


def operator(name: str) -> Callable[[type[Any]], type[Any]]:
    """Register a class with `infer` and `evaluate` as the operator `name`."""

    def add(definition: type[Any]) -> type[Any]:
        keywords = [
            parameter
            for parameter in inspect.signature(definition.infer).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY
        ]
        OPERATORS.register(name)(
            Operator(
                name=name,
                infer=definition.infer,
                evaluate=definition.evaluate,
                defaults={p.name: p.default for p in keywords if p.default is not p.empty},
                required=frozenset(p.name for p in keywords if p.default is p.empty),
            )
        )
        return definition

    return add
