"""What an operator is, and the table of all of them.

An operator is a class with two static functions that stand side by side:

    infer(x, w, *, kernel_shape, strides=...)      values -> the type of each output, or ShapeError
    evaluate(x, w, *, kernel_shape, strides)       PyTorch tensors -> a tensor, or a tuple of them

The keyword-only parameters of `infer` *are* the operator's attributes, with their types and defaults. Names
and meaning are ONNX's (https://onnx.ai/onnx/operators), with one rule: what ONNX takes as a constant input
(axes, shape, pads, repeats, min, max, starts, ends, split, scales) is an attribute of that name.

Tensors are float32; index tensors are int64, masks are bool. Layouts are N, C, spatial axes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pipeline.graph.registry import Registry
from pipeline.graph.values import Attribute, TensorType

if TYPE_CHECKING:
    import torch

Ints = tuple[int, ...]
Floats = tuple[float, ...]
Inferred = TensorType | tuple[TensorType, ...]


class ShapeError(ValueError):
    """The inputs of an operator do not fit together, or its attributes do not fit them."""


class Definition(Protocol):
    """What a file of this package writes for an operator."""

    infer: Callable[..., Inferred]
    evaluate: Callable[..., torch.Tensor | tuple[torch.Tensor, ...]]


@dataclass(frozen=True, slots=True)
class Operator:
    """A registered operator: its definition and the attributes its signature declares."""

    name: str
    infer: Callable[..., Inferred]
    evaluate: Callable[..., Any]
    kinds: Mapping[str, object]
    defaults: Mapping[str, Attribute]
    required: frozenset[str]

    def complete(self, attributes: Mapping[str, Attribute]) -> dict[str, Attribute]:
        """Add the defaults to `attributes`, sorted by name, each of exactly the type its signature declares.

        Raises TypeError for one that is unknown, missing or of another type.
        """
        unknown = attributes.keys() - self.kinds.keys()
        missing = self.required - attributes.keys()
        if unknown or missing:
            raise TypeError(f"{self.name}: unknown {sorted(unknown)}, missing {sorted(missing)}")
        given = {**self.defaults, **attributes}
        try:
            return {name: _CONVERT[self.kinds[name]](given[name]) for name in sorted(given)}
        except (TypeError, ValueError, OverflowError) as error:
            raise TypeError(f"{self.name}: attributes of a wrong type, {given}: {error}") from None


def _number(value: Any) -> float:  # noqa: ANN401 - whatever a reader passes
    if isinstance(value, str):
        raise TypeError(f"{value!r} is no number")
    return float(value)


def _word(value: Any) -> str:  # noqa: ANN401 - whatever a reader passes
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no word")
    return value


_CONVERT: dict[object, Callable[[Any], Attribute]] = {
    int: index,
    float: _number,
    str: _word,
    Ints: lambda values: tuple(map(index, values)),
    Floats: lambda values: tuple(map(_number, values)),
}

OPERATORS: Registry[Operator] = Registry("operator")
D = TypeVar("D", bound=Any)


def operator(name: str) -> Callable[[D], D]:
    """Register a class (or object) with `infer` and `evaluate` as the operator `name`."""

    def add(definition: D) -> D:
        keywords = [
            parameter
            for parameter in inspect.signature(definition.infer, eval_str=True).parameters.values()
            if parameter.kind is parameter.KEYWORD_ONLY
        ]
        OPERATORS.register(name)(
            Operator(
                name=name,
                infer=definition.infer,
                evaluate=definition.evaluate,
                kinds={p.name: p.annotation for p in keywords},
                defaults={p.name: p.default for p in keywords if p.default is not p.empty},
                required=frozenset(p.name for p in keywords if p.default is p.empty),
            )
        )
        return definition

    return add
