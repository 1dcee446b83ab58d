"""A module as the file has it, the table of functions that lower each class, and the decorator that fills it."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, TypeGuard

from pipeline.errors import InvalidInputError
from pipeline.graph.registry import Registry
from pipeline.graph.values import Origin, Value
from pipeline.torch7.objects import LuaValue, Storage, Table, Tensor, TorchObject, describe
from pipeline.torch7.tree import CONTAINERS, Held, children, walk
from pipeline.wire.words import check_name

if TYPE_CHECKING:
    import numpy as np

    from pipeline.torch7.lowering import Lowering

TorchValue: TypeAlias = "Value | tuple[TorchValue, ...]"  # what flows between modules: a tensor or a Lua table
_REQUIRED: Any = object()
_LARGEST = 3.4028234663852886e38  # FLT_MAX: a float32 of more is infinite
_LISTED = 1 << 20  # numbers that a field which lists them may have


@dataclass(frozen=True, slots=True)
class Module:
    """A typed view of an object of a module class, and its place in the network, as `features.3.branch[1]`.

    A field that is missing or of another type raises InvalidInputError with the module's path and byte offset.
    """

    object: TorchObject
    path: str = ""

    @property
    def kind(self) -> str:
        """The class, as `nn.Linear`."""
        return self.object.class_name

    @property
    def origin(self) -> Origin:
        """Path and class, as errors and nodes show them."""
        return Origin(self.path, self.kind)

    @property
    def is_loss(self) -> bool:
        """Return whether it is a criterion, or nngraph's module that runs one."""
        return self.kind.endswith("Criterion")

    @property
    def name(self) -> str:
        """The name for this module's node: its path and the class without its package."""
        kind = re.sub(r"[/\\\s\"']", "_", self.kind.rpartition(".")[2] or self.kind)
        return f"{self.path}_{kind}" if self.path else kind

    def has(self, name: str) -> bool:
        """Return whether a field is there and neither nil, false nor an empty tensor."""
        value = self.object.get(name)
        return value is not None and value is not False and not (isinstance(value, Tensor) and value.is_empty)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a field's truth as Lua sees it: all but nil and false are true, 0 too."""
        value = self.object.get(name)
        return default if value is None else value is not False

    def sizes(self, name: str) -> tuple[int, ...]:
        """Return a field that lists whole numbers: a LongStorage, a tensor or a table."""
        numbers = self.numbers(name, "a list of sizes")
        if not all(map(_is_whole, numbers)):
            self._wrong(name, "a list of sizes", self.object.get(name))
        return tuple(map(int, numbers))

    def numbers(self, name: str, expected: str = "a list of numbers") -> tuple[float, ...]:
        """Return a field that lists numbers: a storage, a tensor or a table."""
        value = self.object.get(name)
        if isinstance(value, Storage | Tensor):
            array = value.data if isinstance(value, Storage) else value.numpy()
            if array.size > _LISTED:  # a tensor may repeat one number without end
                self._wrong(name, expected, value)
            return tuple(array.ravel().tolist())
        numbers = value.array() if isinstance(value, Table) else [None]
        if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
            self._wrong(name, expected, value)
        return tuple(numbers)

    def array(self, name: str) -> np.ndarray | None:
        """View a tensor's elements without a copy; None where it is absent or empty."""
        if not self.has(name):
            return None
        value = self.object.get(name)
        if not isinstance(value, Tensor):
            self._wrong(name, "a tensor", value)
        return value.numpy()

    def weight(self, name: str = "weight") -> np.ndarray:
        """View a tensor that must be there."""
        array = self.array(name)
        if array is None:
            self._wrong(name, "a tensor with elements", self.object.get(name))
        return array

    def table(self, name: str) -> list[LuaValue]:
        """Return the values 1..n of a table."""
        value = self.object.get(name)
        if not isinstance(value, Table):
            self._wrong(name, "a table", value)
        return value.array()

    def pairs(self, name: str) -> Iterator[tuple[int, int]]:
        """Yield the two whole numbers in each table of a table."""
        for position, value in enumerate(self.table(name), 1):
            numbers = value.array() if isinstance(value, Table) else []
            if len(numbers) != 2 or not all(map(_is_whole, numbers)):
                self._wrong(f"{name}[{position}]", "two whole numbers", value)
            yield int(numbers[0]), int(numbers[1])

    def children(self, branches: bool = False) -> list[Module]:
        """Return the modules inside, at `<path>.1` ..., or at `<path>.branch[1]` ... where they run side by side."""
        step = "branch[{}]" if branches else "{}"
        return [
            Module(child, join(self.path, step.format(i)))
            for i, child in enumerate(children(self.object, self.path), 1)
        ]

    def inner(self, number: int, branches: bool = False) -> Module:
        """Return one of the modules inside, which Lua counts from 1. Raises InvalidInputError where there is none."""
        found = self.children(branches)
        if number > len(found):
            self._wrong(f"modules[{number}]", "a module", None)
        return found[number - 1]

    def child(self, name: str) -> Module:
        """Return the module in a field of its own, at `<path>.<name>`."""
        value = self.object.get(name)
        if not isinstance(value, TorchObject):
            self._wrong(name, "a module", value)
        return Module(value, join(self.path, name))

    def held(self, name: str) -> list[Module]:
        """Return the modules in a field: the one at `<path>.<name>`, or those of a table, at `<path>.<name>[k]`."""
        value = self.object.get(name)
        entries = {name: value}
        if isinstance(value, Table):
            for key in value:
                check_name(key, f"the key of a module in {self.kind}", self.path)
            entries = {f"{name}[{key}]": item for key, item in value.items() if isinstance(key, int | str)}
        return [Module(one, join(self.path, step)) for step, one in entries.items() if isinstance(one, TorchObject)]

    def _wrong(self, name: str, expected: str, value: LuaValue) -> NoReturn:
        raise InvalidInputError(
            f"{self.kind} needs {expected} as its field {name!r}, and has {_spell(value)}",
            where=f"{self.origin}, at byte {self.object.offset}",
            advice="the file is damaged, or was written by a class of the same name that means something else",
        )

    def maybe_int(self, name: str) -> int | None:
        """Return a field that is a whole number, or None where there is no such field."""
        return None if self.object.get(name) is None else self.int(name)

    def count(self, name: str, default: int = _REQUIRED) -> int:
        """Return a field that counts something there is at least one of: the places of a kernel, planes, a stride."""
        number = self.int(name, default)
        if number < 1:
            self._wrong(name, "a whole number of 1 or more", number)
        return number

    def int(self, name: str, default: int = _REQUIRED) -> int:
        """Return a field that is a whole number, and fits the 32 bits that Torch's own code has for it."""
        value = self.object.get(name)
        if value is None and default is not _REQUIRED:
            return default
        if not _is_whole(value):
            self._wrong(name, "a whole number of 32 bits", value)
        return int(value)

    def float(self, name: str, default: float = _REQUIRED) -> float:
        """Return a field that is a number, perhaps infinite, as one is that no float32 holds."""
        value = self.object.get(name)
        if value is None and default is not _REQUIRED:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            self._wrong(name, "a number", value)
        return float(value) if abs(value) <= _LARGEST else math.copysign(math.inf, value)

    def str(self, name: str, default: str = _REQUIRED) -> str:
        """Return a field that is a string."""
        value = self.object.get(name)
        if value is None and default is not _REQUIRED:
            return default
        if not isinstance(value, str):
            self._wrong(name, "a string", value)
        return value


def _spell(value: LuaValue) -> str:
    """Name a value, a number by itself."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:,}" if number else describe(value)


def _is_whole(value: LuaValue) -> TypeGuard[int | float]:
    """Return whether a Lua value is a whole number of 32 bits; -0 is one, which is read as a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return float(value).is_integer() and abs(value) < 1 << 31


def join(path: str, step: str) -> str:
    """Add a step to a module's path."""
    return f"{path}.{step}" if path else step


Function: TypeAlias = "Callable[[Module, Any, Lowering], TorchValue]"
Sizes: TypeAlias = Callable[[Module], Mapping[int, int | None]]
Count: TypeAlias = Callable[[Module], int]
Condition: TypeAlias = Callable[[Module], bool]
# An input without its batch dimension is made a batch of one. `squeezed`: the output loses the dimension again;
# `kept`: it keeps it; `widened`: the input tensor itself has it from then on, too, for all who hold it.
# `refused`: the module takes batches only; `only`: it takes no batch, and is squeezed; `taken`: it takes both as
# they are.
Unbatched: TypeAlias = Literal["squeezed", "kept", "widened", "refused", "only", "taken"]


@dataclass(frozen=True, slots=True)
class Definition:
    """What lowers a class: the function, what it takes, and the rank of the batch it is written for."""

    lower: Function
    takes: str = "any"
    rank: int | None = None
    unbatched: Unbatched = "squeezed"
    sizes: Sizes | None = None  # what its fields say of the batch that it takes: sizes by axis, None for any
    elements: Count | None = None  # how many numbers a sample has, whatever its shape
    items: Count | None = None  # how many items the table has
    holds: tuple[str, ...] = ()  # the fields with modules that it runs, besides `modules`
    where: Condition | None = None  # which of several classes of one name it is
    refusal: tuple[str, str] | None = None  # reason and advice, for a class that never has a counterpart

    def run(self, m: Module, x: TorchValue, net: Lowering) -> TorchValue:
        """Return what the function makes of an input; refuse the module where that is nothing, as a plugin's may be."""
        y = self.lower(m, x, net)
        if not isinstance(y, Value | tuple):
            net.refuse(f"is lowered by a function that returns {type(y).__name__}", "let it return net.add(...)")
        return y


# Several classes may share a name: all but the last of its definitions are told by their fields.
MODULES: Registry[tuple[Definition, ...]] = Registry("module class")


def module(
    *names: str,
    rank: int | None = None,
    unbatched: Unbatched = "squeezed",
    sizes: Sizes | None = None,
    elements: Count | None = None,
    items: Count | None = None,
    inside: Held | None = None,
    holds: tuple[str, ...] = (),
    where: Condition | None = None,
) -> Callable[[Function], Function]:
    """Register the function that lowers the module classes `names`.

    It is called with the module, its input and the graph being built, and gives the module's output. Where its
    second parameter is annotated `Value` the input is a tensor, where `tuple` a table of at least one; both are
    checked before. With `rank` the input is a tensor of that rank; `unbatched` says what becomes of one that has
    a dimension less. `sizes`, `elements` and `items` (see `Definition`) say what the module's fields tell of its
    input: the shape of a network's input is found from them. `inside`: the class cannot run without its `modules`,
    and which of them run (see `tree.CONTAINERS`); `holds` names other fields with modules that it runs. `where` tells
    the class from others of the same name: `where=fields("input_dim", "hidden_dim")`.
    """

    def add(function: Function) -> Function:
        annotation = str(list(inspect.signature(function).parameters.values())[1].annotation)
        takes = "tensor" if annotation == "Value" else "table" if annotation.startswith("tuple") else "any"
        if inside:
            CONTAINERS.register(*names)(inside)
        _register(names, Definition(function, takes, rank, unbatched, sizes, elements, items, holds, where))
        return function

    return add


def _register(names: Sequence[str], definition: Definition) -> None:
    for name in names:

        def added(before: tuple[Definition, ...] | None, name: str = name) -> tuple[Definition, ...]:
            told = tuple(one for one in before or () if one.where is not None)
            rest = (before or ())[len(told) :]
            if definition.where is not None:
                return *told, definition, *rest
            if rest:
                raise ValueError(f"{MODULES.kind} {name} is registered twice")
            return *told, definition

        MODULES.change(name, added)


def fields(*names: str) -> Condition:
    """Return the condition that an object has all these fields."""
    return lambda m: all(name in m.object for name in names)


def refused(*names: str, reason: str, advice: str = "") -> None:
    """Register module classes that never have an exact counterpart, and why."""

    def refuse(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
        return net.refuse(reason, advice)

    refuse.__doc__ = f"Refused: {reason}."
    _register(names, Definition(refuse, refusal=(reason, advice)))


def alias(kind: str, known: str) -> None:
    """Register a class that computes what a known one does: `alias("my.Conv", "nn.SpatialConvolution")`."""
    definition = find(known)
    if definition is None:
        raise ValueError(f"{known} is no module class that is known")
    _register([kind], definition)


# Packages whose classes take the place of nn's classes of the same name.
_SUBSTITUTES = ("fbnn", "fbcunn", "clnn", "rnn", "dpnn", "nnx")


def definition_of(m: Module) -> Definition | None:
    """Return what lowers a module: of several classes of its name the one that its fields tell."""
    return next((one for one in _named(m.kind) if one.where is None or one.where(m)), None) or find(m.kind)


def _named(kind: str) -> Iterator[Definition]:
    return (one for layer in MODULES.layers() for one in layer.get(kind, ()))


def definitions() -> Iterator[tuple[str, Definition]]:
    """Yield every class that is known with its definition, by name; a name that several classes share comes often."""
    for kind in MODULES:
        yield from ((kind, one) for one in MODULES[kind])


def modules_in(root: Module) -> Iterator[Module]:
    """Yield a module and all in it: in `modules`, and in the fields that its class runs. Errors as `tree.walk`."""
    pending, seen = [root], set[int]()
    while pending:
        top = pending.pop()
        for path, found in walk(top.object):
            m = Module(found, join(top.path, path) if path else top.path)
            yield m
            definition = None if id(found) in seen else definition_of(m)
            seen.add(id(found))
            held = [child for name in (definition.holds if definition else ()) for child in m.held(name)]
            pending.extend(reversed(held))


def find(kind: str) -> Definition | None:
    """Return the definition of a class; `fbcunn.SpatialConvolution` is taken for nn's where it has none of its own."""
    package, _, name = kind.partition(".")
    names = (kind, f"nn.{name}") if package in _SUBSTITUTES else (kind,)
    return next((one for each in names for one in _named(each) if one.where is None), None)
