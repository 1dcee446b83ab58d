"""Lowers modules to the graph. `Lowering` is what the function of each module class builds with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from pipeline.errors import InvalidInputError, Problem, UnsupportedError, UsageError
from pipeline.graph.builder import Builder
from pipeline.graph.operators import Concat, Identity, Operator, ShapeError, Slice, operator_of
from pipeline.graph.values import Attribute, Shape, TensorType, Value
from pipeline.torch7.mode import PLAIN, Mode
from pipeline.torch7.module import Definition, Module, TorchValue, definition_of
from pipeline.torch7.objects import TorchObject
from pipeline.torch7.sharing import Read, Sharing, Write
from pipeline.torch7.states import States
from pipeline.torch7.tables import leaves, spell

POISON = Value("", ())  # stands for the output of a module that is refused or left out


class Poisoned(Exception):  # noqa: N818 - follows from a problem that is already noted
    """A node cannot be made because a module before it was refused."""


@dataclass(frozen=True, slots=True)
class _Run:
    """The output of a module, and when it ran. `held` keeps the objects alive whose ids are the key of the run."""

    moment: tuple[int, ...]
    y: TorchValue
    held: tuple[Module, TorchValue]


class Misfit(UsageError):  # noqa: N818 - says what is wrong with the input, not with the program
    """The input that `module` was `given` does not fit. If `items` is not 0, the module needs a table of so many."""

    def __init__(self, what: str, module: Module, given: TorchValue, why: str = "", items: int = 0) -> None:
        super().__init__(what, why=why)
        self.module = module
        self.given = given
        self.items = items


@dataclass(frozen=True, slots=True)
class Step:
    """A module that ran, its input and its output."""

    module: Module
    taken: TorchValue
    given: TorchValue


class Lowering:
    """Builds the graph of a network, module by module.

    Modules that cannot be lowered are collected in `problems`. What depends on them is skipped, all else is lowered.
    """

    def __init__(self, builder: Builder, mode: Mode = PLAIN) -> None:
        self.builder = builder
        self.mode = mode
        self.losses: list[tuple[Module, TorchValue]] = []  # those that were left out, with their inputs
        self.problems: list[Problem] = []
        self.steps: list[Step] = []
        self.entered: set[str] = set()  # paths of modules that began to run
        self.unbatched: list[Module] = []  # those whose input had no batch dimension
        self.mixed: list[Module] = []  # those that mixed the numbers of several samples, or split a sample into several
        self.sharing = Sharing()
        self.states = States(builder, mode.states)
        self.remembered: dict[int, Value] = {}  # by module object: its input, for a module that undoes it
        self._outputs: dict[int, tuple[Module, Value]] = {}  # by module object: the tensor that it writes to
        self._given: set[str] = set()  # outputs of modules
        self._again = 0  # how often a module returned another output than before
        self._runs: dict[tuple[int, object], _Run] = {}  # by module object and input
        self._widths: dict[int, tuple[TorchValue, int]] = {}  # by id of a table, which is kept alive with its width
        self._running: set[int] = set()  # module objects, from the network down to the current one
        self._widened: dict[str, Value] = {}  # by value: its tensor since a module added a batch dimension
        self._module = Module(TorchObject("network"))
        self._inner = ""

    # --- modules

    def run(self, module: Module, x: TorchValue) -> TorchValue:
        """Lower a module on an input and return its output: the same value if it ran on the same input before.

        Raises UsageError if the shape of the input does not fit, OverBudget if the network becomes too large, and
        InvalidInputError if the fields of the module make no sense. An UnsupportedError is collected in `problems`.
        """
        self.builder.budget.spend("layers", 1, module.origin)
        self.entered.add(module.path)
        key = (id(module.object), x.name if isinstance(x, Value) else id(x))
        before = self._moment()
        run = self._runs.get(key)
        if run is not None and run.moment == before:
            self.steps.append(Step(module, x, run.y))
            return run.y
        y = self._run(module, x)
        if isinstance(y, tuple):
            self.builder.budget.check("values", self._width(y), module.origin)
        self._reuse(module, x, y)
        self.steps.append(Step(module, x, y))
        if self._moment() == before:
            self._runs[key] = _Run(before, y, (module, x))
        return y

    def _moment(self) -> tuple[int, ...]:
        """Return counts of what may change a module's output for the same input: writes, states, other runs."""
        return self.sharing.writes, self.states.changes, self._again

    def _width(self, x: TorchValue) -> int:
        """Return the number of tensors in a nested table. A table that occurs several times is counted each time."""
        if not isinstance(x, tuple):
            return 1
        if id(x) not in self._widths:
            self._widths[id(x)] = x, sum(map(self._width, x))
        return self._widths[id(x)][1]

    def _run(self, module: Module, x: TorchValue) -> TorchValue:
        if self.mode.drop_loss and module.is_loss:
            self.losses.append((module, x))
            return POISON
        definition = definition_of(module)
        before = self._module, self._inner
        self._module, self._inner = module, ""
        if id(module.object) in self._running:
            self.damaged("modules that are not inside themselves", "itself inside")
        self._running.add(id(module.object))
        try:
            with self.builder.at(module.name, module.origin):
                if definition is None:
                    self.refuse("is no class that is known here", "write a --plugin that lowers it")
                y = self._apply(definition, module, x)
        except Poisoned:
            y = POISON
        except UnsupportedError as error:
            self.problems.extend(p for p in error.problems if p not in self.problems)
            y = POISON
        except (ShapeError, UsageError) as error:
            if not self.problems:
                raise self._misfit(error, module, x) from None
            y = POISON
        except (ArithmeticError, IndexError, ValueError) as error:  # from what Torch could not compute with either
            raise InvalidInputError(
                f"the fields of {module.kind} make no sense",
                where=f"{module.origin}, at byte {module.object.offset}",
                why=str(error),
            ) from error
        finally:
            self._module, self._inner = before
            self._running.discard(id(module.object))
        return y

    def _reuse(self, module: Module, x: TorchValue, y: TorchValue) -> None:
        """Note that a module that runs again overwrites its previous output: it has one tensor for its output."""
        if not isinstance(y, Value) or y is POISON or y.name in self._given or any(y is v for v in leaves(x)):
            return
        self._given.add(y.name)
        _, before = self._outputs.get(id(module.object), (module, None))
        self._outputs[id(module.object)] = module, y  # with the module, which keeps it alive and its id unique
        self._again += before is not None
        if before is not None and before.shape == y.shape and not self.sharing.is_view(y):
            self.sharing.overwrite(before, y)

    def _apply(self, definition: Definition, module: Module, x: TorchValue) -> TorchValue:
        if definition.takes == "tensor":
            if not isinstance(x, Value):
                self.misfit("a tensor, not a table", x)
            if definition.rank is not None:
                return self._of_rank(definition, definition.rank, module, x)
            x = self.current(x)
        elif definition.takes == "table" and not isinstance(x, tuple):
            self.misfit("a table of tensors", x)
        return definition.run(module, x, self)

    def _of_rank(self, definition: Definition, rank: int, module: Module, x: Value) -> Value:
        def layer(batch: Value) -> Value:
            y = definition.run(module, batch, self)
            assert isinstance(y, Value), module
            return y

        now, unbatched = self.current(x), definition.unbatched
        self._check_sizes(definition, module, now, rank)
        if unbatched == "taken":
            return self._taken(rank, now, layer)
        if now.rank == rank - 1 and unbatched in ("kept", "widened"):
            now = self.reshape(now, (1, *now.shape), part="batch")
            self.unbatched.append(module)
            if unbatched == "widened":
                self._widened[x.name] = now
            return layer(now)
        if unbatched == "refused" and now.rank != rank:
            self.misfit(f"a tensor of {rank} dimensions", now)
        if unbatched == "only" and now.rank != rank - 1:
            self.misfit(f"a tensor of {rank - 1} dimensions, without a batch", now)
        return self._as_batch(now, layer) if unbatched == "only" else self.batched(now, rank, layer)

    def _check_sizes(self, definition: Definition, module: Module, x: Value, rank: int) -> None:
        sizes = definition.sizes(module) if definition.sizes else {}
        missing = rank - x.rank  # 1 for a sample without its batch dimension
        if missing in (0, 1) and any(
            axis >= missing and size not in (None, x.shape[axis - missing]) for axis, size in sizes.items()
        ):
            wanted = "x".join(str(sizes.get(axis) or "?") for axis in range(missing, rank))
            self.misfit(f"a tensor of {wanted}", x)

    def _taken(self, rank: int, x: Value, layer: Callable[[Value], Value]) -> Value:
        if x.rank not in (rank, rank - 1):
            self.misfit(f"a tensor of {rank - 1} or {rank} dimensions", x)
        return layer(x)

    def batched(self, x: Value, rank: int, layer: Callable[[Value], Value]) -> Value:
        """Apply a layer that takes a batch of `rank` dimensions to an input with or without a batch dimension."""
        if x.rank == rank:
            return layer(x)
        if x.rank != rank - 1:
            self.misfit(f"a tensor of {rank} dimensions, or of {rank - 1} without a batch", x)
        self.unbatched.append(self._module)
        return self._as_batch(x, layer)

    def _as_batch(self, x: Value, layer: Callable[[Value], Value]) -> Value:
        with self.inside("batch"):
            y = layer(self.reshape(x, (1, *x.shape), part="input"))
        return self.reshape(y, y.shape[1:])

    # --- refusals

    def refuse(self, reason: str, advice: str = "") -> NoReturn:
        """Raise UnsupportedError: the current module has no exact counterpart."""
        raise UnsupportedError.one(str(self._module.origin), reason, advice)

    def damaged(self, expected: str, found: str) -> NoReturn:
        """Raise InvalidInputError: the fields of the current module contradict each other."""
        raise InvalidInputError(
            f"{self._module.kind} needs {expected}, and has {found}",
            where=f"{self._module.origin}, at byte {self._module.object.offset}",
        )

    def misfit(self, expected: str, x: TorchValue, items: int = 0) -> NoReturn:
        """Raise Misfit: an input does not fit the current module, which needs a table if `items` is not 0.

        Raises Poisoned instead if the input comes from a module that was refused.
        """
        if any(leaf is POISON for leaf in leaves(x)):
            raise Poisoned
        what = f"{self._module.origin} expects {expected}, and is given {spell(x)}"
        raise Misfit(what, self._module, x, items=items)

    def _misfit(self, error: Exception, module: Module, x: TorchValue) -> UsageError:
        if isinstance(error, Misfit) and error.module is module and not error.items:
            error.given = x  # the input of the module, not what the module has made of it
        if isinstance(error, UsageError):
            return error
        what = f"{module.origin} does not fit an input of {spell(x)}"
        return Misfit(what, module, x, str(error).removeprefix(f"{module.origin}: "))

    def afford(self, *shape: int) -> None:
        """Raise OverBudget if a tensor of this shape would be too large."""
        self.builder.budget.value(TensorType(shape), self._module.origin)

    def afford_weights(self, *shape: int) -> None:
        """Raise OverBudget if an array of weights of this shape would be too large to be made."""
        self.afford(*shape)
        self.builder.budget.check("weights", TensorType(shape).bytes, self._module.origin)

    # --- nodes

    @contextmanager
    def inside(self, part: str) -> Iterator[None]:
        """Name the nodes that are added in the block after `part`, so that the module's name is left for its output."""
        before, self._inner = self._inner, f"{self._inner}_{part}" if self._inner else part
        try:
            yield
        finally:
            self._inner = before

    def _part(self, part: str) -> str:
        return f"{self._inner}_{part}" if self._inner and part else self._inner or part

    def add(self, operator: Operator | str, *inputs: Value | None, part: str = "", **attributes: Attribute) -> Value:
        """Add a node and return its first output. The inputs are the current contents of their memory."""
        return self.add_many(operator, *inputs, part=part, **attributes)[0]

    def add_many(
        self, operator: Operator | str, *inputs: Value | None, part: str = "", **attributes: Attribute
    ) -> tuple[Value, ...]:
        """Add a node and return all its outputs. Small results that depend on constants only are computed at once."""
        made = operator_of(operator, attributes)
        now = [None if x is None else self._content(x) for x in inputs]
        constant = [x is None or x.name in self.builder.weights for x in now]
        if all(constant):
            folded = made.fold(*(None if x is None else self.builder.weights[x.name] for x in now))
            if folded is not None:
                return (self.weight(folded, self._part(part) or "folded"),)
        if any(constant) and (made.variadic or all(constant)) and not isinstance(made, Identity):
            # a constant in the place of data becomes the output of a node
            now = [self.copy(x) if x is not None and x.name in self.builder.weights else x for x in now]
        return self.builder.add_many(made, *now, part=self._part(part))

    def weight(self, array: np.ndarray, part: str = "weight") -> Value:
        """Return an array as a constant. The same view of the same memory is the same value: tied weights stay tied."""
        return self.builder.weight(array, part)

    def computed(self, shape: Sequence[int], compute: Callable[[], np.ndarray], part: str = "weight") -> Value:
        """Return the array of this shape that `compute` makes as a constant. Raises OverBudget before it is made."""
        self.afford_weights(*shape)
        return self.weight(compute(), part)

    def constant(self, number: float, part: str = "constant") -> Value:
        """Return a number as a constant."""
        return self.builder.constant(number, part)

    def reshape(self, x: Value, shape: Sequence[int], part: str = "") -> Value:
        """Return `x` in another shape, as a view of `x`. The batch size stays free if it does not change."""
        x = self._content(x)
        if x.name in self.builder.weights:
            return self.weight(self.builder.weights[x.name].reshape(shape), self._part(part) or "reshaped")
        y = self.builder.reshape(x, tuple(shape), self._part(part))
        return self.alias(y, x, self._reshaped(y.shape), lambda base, new: self._reshaped(base.shape)(new))

    def narrow(self, x: Value, axis: int, start: int, length: int, part: str = "") -> Value:
        """Return the slice of `length` from `start` on along `axis`, as a view of `x`."""
        end = start + length
        if (start, end) == (0, x.shape[axis]):
            return x
        y = self.add(Slice(starts=(start,), ends=(end,), axes=(axis,)), x, part=part)

        def cut(base: Value, first: int = start, last: int = end) -> Value:
            return self.builder.add(Slice(starts=(first,), ends=(last,), axes=(axis,)), base, part="view")

        def patch(base: Value, new: Value) -> Value:
            pieces = [cut(base, 0, start)] if start else []
            pieces += [new] + ([cut(base, end, base.shape[axis])] if end < base.shape[axis] else [])
            return self.builder.add(Concat(axis=axis), *pieces, part="view")

        return self.alias(y, x, cut, patch)

    def select(self, x: Value, axis: int, index: int, part: str = "") -> Value:
        """Return the slice at `index` along `axis`, without that axis, as a view of `x`."""
        one = self.narrow(x, axis, index, 1, part=f"{part}_slice".strip("_"))
        return self.reshape(one, (*x.shape[:axis], *x.shape[axis + 1 :]), part=part)

    def _reshaped(self, shape: Shape) -> Read:
        return lambda base: self.builder.reshape(base, shape, "view")

    def tensor(self, x: TorchValue) -> Value:
        """Return the current content of the output of a module inside this one. Raises Misfit if it is a table."""
        if not isinstance(x, Value):
            self.misfit("a tensor from the module inside it", x)
        return self.current(x)

    def tensors(self, table: Sequence[TorchValue]) -> tuple[Value, ...]:
        """Return the current contents of the tensors in a table. Raises Misfit if it is empty or holds tables."""
        values = [self.current(v) for v in table if isinstance(v, Value)]
        if not values or len(values) < len(table):
            self.misfit("a table of tensors", tuple(table))
        return tuple(values)

    # --- memory

    def current(self, x: Value) -> Value:
        """Return the current content of a module's input or output, in its current shape.

        Raises Poisoned if it is the output of a module that was refused.
        """
        return self._content(self._widened.get(x.name, x))

    def _content(self, x: Value) -> Value:
        if x is POISON:
            raise Poisoned
        return self.sharing.current(x)

    def overwrite(self, x: Value, y: Value) -> Value:
        """Note that the current module writes `y` into the memory of its input `x`, and return `y`."""
        self.sharing.overwrite(x, y)
        return y

    def alias(self, y: Value, x: Value, read: Read, write: Write) -> Value:
        """Note that `y` is a view of the memory of `x`, and return `y`.

        `read` and `write` are called with contents, so they add nodes with `builder`, which does not look at memory.
        """
        self.sharing.view(y, x, read, write)
        return y

    def copy(self, x: Value) -> Value:
        """Return a copy of `x`, which has memory of its own."""
        return self.add("Identity", x, part="copy")

    def duplicate(self, x: TorchValue) -> TorchValue:
        """Return a copy of a tensor, or of a table with all its tensors."""
        if isinstance(x, tuple):
            return tuple([self.duplicate(item) for item in x])
        return x if x is POISON else self.copy(self.current(x))
