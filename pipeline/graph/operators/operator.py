"""The base class of all operators, and the table of them.

An operator is a frozen dataclass whose fields *are* its attributes, with their types and defaults. It has the methods

    infer(self, x, w)      values -> the type of each output, or ShapeError
    evaluate(self, x, w)   PyTorch tensors -> a tensor, or a tuple of them

and overrides whatever else differs from the defaults in `Operator`: what it costs, whether it only moves numbers, which
of its inputs are indices. Names and meaning are those of ONNX (https://onnx.ai/onnx/operators), with one exception:
constant inputs of ONNX (axes, shape, pads, repeats, min, max, starts, ends, split, scales) are attributes of that name.

Tensors are float32; index tensors are int64, masks are bool. Layouts are N, C, spatial axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches
from operator import index
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, dataclass_transform

from pipeline.graph.operators.receptive_field import ReceptiveField
from pipeline.graph.registry import Registry
from pipeline.graph.values import FLT_MAX, Attribute, Node, TensorType, Value

if TYPE_CHECKING:
    import numpy as np

Ints = tuple[int, ...]
Floats = tuple[float, ...]
Inferred = TensorType | tuple[TensorType, ...]
_BITS = 63  # of an integer attribute, besides its sign


class ShapeError(ValueError):
    """Raised if the inputs of an operator do not fit each other or its attributes."""


@dataclass(frozen=True, kw_only=True)
class Operator:
    """What a node computes. The node passed to a method is always the one that has this operator.

    Attributes are converted to their declared types: numpy numbers to plain numbers, lists to tuples. Numbers too large
    for float32 are infinite. Raises TypeError if an attribute cannot be converted, or has more than 64 bits.
    """

    name: ClassVar[str]
    kinds: ClassVar[Mapping[str, str]] = {}  # the declared type of each attribute, sorted by name
    required: ClassVar[frozenset[str]] = frozenset()  # the attributes without a default

    moves_only: ClassVar[bool] = False  # the output consists of numbers of the input
    keeps_places: ClassVar[bool] = True  # each place of the output depends only on nearby places of the input
    keeps_indices: ClassVar[bool] = False  # if its output is used as indices, so are its inputs
    commutes: ClassVar[bool] = False  # its two inputs may be exchanged
    variadic: ClassVar[bool] = False  # takes any number of inputs, each of them data

    infer: ClassVar[Callable[..., Inferred]]
    evaluate: ClassVar[Callable[..., Any]]

    def __post_init__(self) -> None:
        for name, kind in self.kinds.items():
            value = getattr(self, name)
            try:
                exact = _CONVERT[kind](value)
            except (TypeError, ValueError, OverflowError) as error:
                raise TypeError(f"{self.name}: {name} of a wrong type, {value!r}: {error}") from None
            if exact is not value:
                object.__setattr__(self, name, exact)

    @classmethod
    def of(cls, attributes: Mapping[str, Any]) -> Self:
        """Return the operator with these attributes. Raises TypeError if one is unknown, missing or of a wrong type."""
        unknown, missing = attributes.keys() - cls.kinds.keys(), cls.required - attributes.keys()
        if unknown or missing:
            known = ", ".join(cls.kinds) or "none"
            raise TypeError(f"{cls.name}: unknown {sorted(unknown)}, missing {sorted(missing)}; it has {known}")
        return cls(**attributes)

    @property
    def attributes(self) -> dict[str, Attribute]:
        """The attributes by name, sorted."""
        return {name: getattr(self, name) for name in self.kinds}

    def output_types(self, *inputs: Value | None) -> tuple[TensorType, ...]:
        """Return what `infer` does, as a tuple even for one output. Raises ShapeError."""
        inferred = self.infer(*inputs)
        return (inferred,) if isinstance(inferred, TensorType) else inferred

    def multiply_adds(self, node: Node) -> int:
        """Return the multiply-adds. Default: one per number read or made, whichever is more; none to move numbers."""
        sizes = (value.size for value in (*node.inputs, *node.outputs[:1]) if value is not None)
        return 0 if self.moves_only else max(sizes)

    def scratch_bytes(self, node: Node) -> int:
        """Return the bytes of the largest temporary tensor."""
        return 0

    def receptive_field(self, node: Node, seen: tuple[ReceptiveField, ...]) -> tuple[ReceptiveField, ...] | None:
        """Return the receptive field of the output if that of the input is `seen`; None if unbounded or unknown."""
        return seen if self.keeps_places else None

    def is_identity(self, node: Node) -> bool:
        """Return whether the output equals the input."""
        return False

    def mixes(self, node: Node, axis: int) -> bool:
        """Return whether places along an axis of the first input influence each other's results.

        The axis is one that the output has, too, not one that is summed over.
        """
        return False

    def index_rows(self, node: Node) -> Mapping[str, int]:
        """Return the names of the inputs that are indices, with the number of rows that each chooses from."""
        return {}

    def fold(self, *constants: np.ndarray | None) -> np.ndarray | None:
        """Return the output for constant inputs if it is worth computing in advance, else None."""
        return None


def _integer(value: Any) -> int:  # noqa: ANN401 - whatever a reader passes
    number = index(value)
    if number.bit_length() > _BITS:
        raise OverflowError(f"no format has integers of more than {_BITS} bits and a sign")
    return number


def _number(value: Any) -> float:  # noqa: ANN401 - whatever a reader passes
    if isinstance(value, str):
        raise TypeError(f"{value!r} is no number")
    number = float(value)
    return math.copysign(math.inf, number) if abs(number) > FLT_MAX else number


def _word(value: Any) -> str:  # noqa: ANN401 - whatever a reader passes
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no word")
    return value


_CONVERT: dict[str, Callable[[Any], Attribute]] = {
    "int": _integer,
    "float": _number,
    "str": _word,
    "Ints": lambda values: tuple(map(_integer, values)),
    "Floats": lambda values: tuple(map(_number, values)),
}

OPERATORS: Registry[type[Operator]] = Registry("operator")
O = TypeVar("O", bound=Operator)  # noqa: E741 - an operator


@dataclass_transform(frozen_default=True, kw_only_default=True)
def operator(cls: type[O]) -> type[O]:
    """Register a class as the operator of its name. If it adds attributes, it is made a frozen dataclass first."""
    adds = any(not kind.startswith("ClassVar") for kind in vars(cls).get("__annotations__", {}).values())
    if adds or len(cls.__bases__) > 1:  # else it is the dataclass that its base is
        cls = dataclass(frozen=True, kw_only=True)(cls)
    cls.name = cls.__name__
    cls.kinds = {field.name: str(field.type) for field in sorted(fields(cls), key=lambda field: field.name)}
    cls.required = frozenset(field.name for field in fields(cls) if field.default is MISSING)
    return OPERATORS.register(cls.name)(cls)


def operator_of(given: Operator | str, attributes: Mapping[str, Any]) -> Operator:
    """Return the given operator, or the one with this name and these attributes.

    Raises TypeError for an unknown name, with the most similar one, and for attributes that do not fit.
    """
    if isinstance(given, Operator):
        if attributes:
            raise TypeError(f"{given} has its attributes already: {sorted(attributes)} are too many")
        return given
    found = OPERATORS.get(given)
    if found is None:
        near = get_close_matches(given, OPERATORS, n=1)
        raise TypeError(f"there is no operator {given!r}" + (f"; did you mean {near[0]}?" if near else ""))
    return found.of(attributes)
