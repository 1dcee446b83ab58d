"""A module of the file, the registry of functions that lower each class, and the decorator that registers them."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, TypeGuard

from pipeline.errors import InvalidInputError
from pipeline.graph.budget import Budget
from pipeline.graph.registry import Registry
from pipeline.graph.values import FLT_MAX, Origin, Value
from pipeline.torch7.objects import LuaValue, Storage, Table, Tensor, TorchObject, describe
from pipeline.torch7.tree import CONTAINERS, Held, children, walk
from pipeline.wire.words import check_name

if TYPE_CHECKING:
    import numpy as np

    from pipeline.torch7.lowering import Lowering

TorchValue: TypeAlias = "Value | tuple[TorchValue, ...]"  # what flows between modules: a tensor or a Lua table
_REQUIRED: Any = object()
_LISTED = 1 << 20  # numbers in a field that is a list of numbers, at most


@dataclass(frozen=True, slots=True)
class Module:
    """A typed view of an object of a module class, and its path in the network, such as `features.3.branch[1]`.

    Its methods raise InvalidInputError, with the path and byte offset, for a field that is missing or has a wrong type.
    """

    object: TorchObject
    path: str = ""

    @property
    def kind(self) -> str:
        """The name of the class, such as `nn.Linear`."""
        return self.object.class_name

    @property
    def origin(self) -> Origin:
        """The path and class, for errors and nodes."""
        return Origin(self.path, self.kind)

    @property
    def is_loss(self) -> bool:
        """Whether this is a criterion, or nngraph's module that runs one."""
        return self.kind.endswith("Criterion")

    @property
    def name(self) -> str:
        """The name of the module's node: its path, and its class without the package."""
        kind = re.sub(r"[/\\\s\"']", "_", self.kind.rpartition(".")[2] or self.kind)
        return f"{self.path}_{kind}" if self.path else kind

    def has(self, name: str) -> bool:
        """Return whether a field exists and is neither nil, false nor an empty tensor."""
        value = self.object.get(name)
        return value is not None and value is not False and not (isinstance(value, Tensor) and value.is_empty)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return whether a field is true in Lua: everything but nil and false is, even 0."""
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
            if array.size > _LISTED:  # a tensor of stride 0 may repeat a number any number of times
                self._wrong(name, expected, value)
            return tuple(array.ravel().tolist())
        numbers = value.array() if isinstance(value, Table) else [None]
        if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
            self._wrong(name, expected, value)
        return tuple(numbers)

    def array(self, name: str) -> np.ndarray | None:
        """Return a view of the elements of a tensor; None if it is missing or empty.

        Raises OverBudget for a tensor that repeats the numbers of its storage, by strides of 0, too often.
        """
        if not self.has(name):
            return None
        value = self.object.get(name)
        if not isinstance(value, Tensor):
            self._wrong(name, "a tensor", value)
        array = value.numpy()
        if value.storage is not None and array.size > value.storage.data.size:
            budget = Budget()
            budget.grow("weights", value.storage.data.nbytes)
            budget.check("weights", array.nbytes, self.origin)
        return array

    def weight(self, name: str = "weight") -> np.ndarray:
        """Return a view of the elements of a tensor that must not be missing or empty."""
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
        """Yield the two whole numbers in each item of a table of pairs."""
        for position, value in enumerate(self.table(name), 1):
            numbers = value.array() if isinstance(value, Table) else []
            if len(numbers) != 2 or not all(map(_is_whole, numbers)):
                self._wrong(f"{name}[{position}]", "two whole numbers", value)
            yield int(numbers[0]), int(numbers[1])

    def children(self, branches: bool = False) -> list[Module]:
        """Return the modules in `modules`, at `<path>.1` ..., or with `branches` at `<path>.branch[1]` ..."""
        step = "branch[{}]" if branches else "{}"
        return [
            Module(child, join(self.path, step.format(i)))
            for i, child in enumerate(children(self.object, self.path), 1)
        ]

    def inner(self, number: int, branches: bool = False) -> Module:
        """Return the module with this number in `modules`, counted from 1."""
        found = self.children(branches)
        if number > len(found):
            self._wrong(f"modules[{number}]", "a module", None)
        return found[number - 1]

    def child(self, name: str) -> Module:
        """Return the module in the field `name`, at `<path>.<name>`."""
        value = self.object.get(name)
        if not isinstance(value, TorchObject):
            self._wrong(name, "a module", value)
        return Module(value, join(self.path, name))

    def held(self, name: str) -> list[Module]:
        """Return the modules in a field: a single one, at `<path>.<name>`, or those of a table, at `...<name>[k]`."""
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
        """Return a field that is a whole number, or None if it is missing."""
        return None if self.object.get(name) is None else self.int(name)

    def count(self, name: str, default: int = _REQUIRED) -> int:
        """Return a field that is a whole number of at least 1, such as a kernel size or a stride."""
        number = self.int(name, default)
        if number < 1:
            self._wrong(name, "a whole number of 1 or more", number)
        return number

    def int(self, name: str, default: int = _REQUIRED) -> int:
        """Return a field that is a whole number of 32 bits, the type that Torch's own code has for it."""
        value = self.object.get(name)
        if value is None and default is not _REQUIRED:
            return default
        if not _is_whole(value):
            self._wrong(name, "a whole number of 32 bits", value)
        return int(value)

    def float(self, name: str, default: float = _REQUIRED) -> float:
        """Return a field that is a number, but not NaN. Numbers too large for float32 are infinite."""
        value = self.object.get(name)
        if value is None and default is not _REQUIRED:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            self._wrong(name, "a number", value)
        return float(value) if abs(value) <= FLT_MAX else math.copysign(math.inf, value)

    def str(self, name: str, default: str = _REQUIRED) -> str:
        """Return a field that is a string."""
        value = self.object.get(name)
        if value is None and default is not _REQUIRED:
            return default
        if not isinstance(value, str):
            self._wrong(name, "a string", value)
        return value


def _spell(value: LuaValue) -> str:
    """Return a value as text: a number itself, or else its type."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:,}" if number else describe(value)


def _is_whole(value: LuaValue) -> TypeGuard[int | float]:
    """Return whether a Lua value is a whole number of 32 bits. -0, which is read as a float, is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return float(value).is_integer() and abs(value) < 1 << 31


def join(path: str, step: str) -> str:
    """Return the path of a module with a further step."""
    return f"{path}.{step}" if path else step


Function: TypeAlias = "Callable[[Module, Any, Lowering], TorchValue]"
Sizes: TypeAlias = Callable[[Module], Mapping[int, int | None]]
Count: TypeAlias = Callable[[Module], int]
Condition: TypeAlias = Callable[[Module], bool]
# What happens to an input without a batch dimension. Most modules make it a batch of one: then the output loses the
# dimension again ("squeezed") or keeps it ("kept"), or the input tensor itself keeps it, too, for every module that
# holds it ("widened"). Other modules take only batches ("refused"), no batches, as if "squeezed" ("only"), or both as
# they are ("taken").
Unbatched: TypeAlias = Literal["squeezed", "kept", "widened", "refused", "only", "taken"]


@dataclass(frozen=True, slots=True)
class Definition:
    """How a class is lowered: the function, the input that it takes, and the rank of the batch it is written for."""

    lower: Function
    takes: str = "any"
    rank: int | None = None
    unbatched: Unbatched = "squeezed"
    sizes: Sizes | None = None  # the sizes that the fields require of the batch, by axis; None for any size
    elements: Count | None = None  # the number of elements of a sample, of any shape
    items: Count | None = None  # the number of items of the table
    holds: tuple[str, ...] = ()  # fields, besides `modules`, with modules that it runs
    where: Condition | None = None  # distinguishes it from other classes of the same name
    refusal: tuple[str, str] | None = None  # reason and advice, for a class that never has a counterpart

    def run(self, m: Module, x: TorchValue, net: Lowering) -> TorchValue:
        """Return the output of the function. The module is refused if that is no value, as may happen in a plugin."""
        y = self.lower(m, x, net)
        if not isinstance(y, Value | tuple):
            net.refuse(f"is lowered by a function that returns {type(y).__name__}", "let it return net.add(...)")
        return y


# Several classes may share a name. All definitions of a name but the last have a condition `where`.
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

    The function is called with the module, its input and the graph being built, and returns the module's output. If its
    second parameter is annotated as `Value`, the input must be a tensor; if as `tuple`, a table. This is checked before
    the call. With `rank`, the input must be a tensor of this rank, and `unbatched` says what happens to one that has a
    dimension less. `sizes`, `elements` and `items` (see `Definition`) are what the fields of the module say of its
    input, from which the input shape of a network is inferred. With `inside`, the class cannot run without its
    `modules`, and runs them as `tree.CONTAINERS` says; `holds` names other fields with modules that it runs. `where`
    distinguishes the class from others of the same name: `where=fields("input_dim", "hidden_dim")`.
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
    """Return the condition that a module has all these fields."""
    return lambda m: all(name in m.object for name in names)


def refused(*names: str, reason: str, advice: str = "") -> None:
    """Register module classes that never have an exact counterpart, with the reason."""

    def refuse(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
        return net.refuse(reason, advice)

    refuse.__doc__ = f"Refused: {reason}."
    _register(names, Definition(refuse, refusal=(reason, advice)))


def alias(kind: str, known: str) -> None:
    """Register a class that computes the same as a known one: `alias("my.Conv", "nn.SpatialConvolution")`."""
    definition = find(known)
    if definition is None:
        raise ValueError(f"{known} is no module class that is known")
    _register([kind], definition)


# Packages whose classes replace the classes of nn with the same name.
_SUBSTITUTES = ("fbnn", "fbcunn", "clnn", "rnn", "dpnn", "nnx")


def definition_of(m: Module) -> Definition | None:
    """Return the definition of a module's class; its fields decide between several classes of the same name."""
    return next((one for one in _named(m.kind) if one.where is None or one.where(m)), None) or find(m.kind)


def _named(kind: str) -> Iterator[Definition]:
    return (one for layer in MODULES.layers() for one in layer.get(kind, ()))


def definitions() -> Iterator[tuple[str, Definition]]:
    """Yield the name and definition of every known class, sorted by name. A name may belong to several classes."""
    for kind in MODULES:
        yield from ((kind, one) for one in MODULES[kind])


def modules_in(root: Module) -> Iterator[Module]:
    """Yield a module and all modules in it: in `modules`, and in fields that its class runs. Raises as `tree.walk`."""
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
    """Return the definition of a class; `fbcunn.SpatialConvolution` is that of nn unless it has one of its own."""
    package, _, name = kind.partition(".")
    names = (kind, f"nn.{name}") if package in _SUBSTITUTES else (kind,)
    return next((one for each in names for one in _named(each) if one.where is None), None)
