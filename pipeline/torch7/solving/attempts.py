"""Tries shapes: the modules of the network are lowered for a form, to see whether it fits, or where it does not.

An attempt makes nodes, but computes no numbers, so hundreds of them take a second. They are limited by a number of
nodes, not by time, so that the result depends on the file alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.errors import UsageError
from pipeline.graph.builder import Builder
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering, Misfit, Step
from pipeline.torch7.mode import Mode
from pipeline.torch7.module import Module, TorchValue, definition_of
from pipeline.torch7.running import declare, input_name
from pipeline.torch7.solving.forms import Form, Path, TensorForm, specs, tensors
from pipeline.torch7.tables import leaves

NODES = 50_000  # and modules that run, in all attempts together
NODES_EACH = 6_000  # in one attempt


class Exhausted(Exception):  # noqa: N818 - the end of a search, not an error
    """The search has made as many nodes as it may."""


class _BoundedBuilder(Builder):
    """A builder with a maximum number of nodes."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def unique(self, name: str) -> str:
        """Return a unique name, as every node needs one. Raises Exhausted if there are too many."""
        if self.size >= self.most:
            raise Exhausted
        return super().unique(name)


class _Trial(Lowering):
    """A lowering for a shape that may be wrong, so that modules, even those of plugins, may fail in any way."""

    def run(self, module: Module, x: TorchValue) -> TorchValue:
        """Lower a module. Raises Misfit if it fails; the shape that is chosen is lowered again, as a usual Lowering."""
        try:
            return super().run(module, x)
        except (ArithmeticError, LookupError, ValueError) as error:
            raise Misfit(f"{module.origin} fails: {error!r}", module, x) from error

    def computed(self, shape: Sequence[int], compute: Callable[[], np.ndarray], part: str = "weight") -> Value:
        """Return a constant of this shape, whose numbers do not matter here. Raises OverBudget as a Lowering does."""
        return super().computed(shape, lambda: np.broadcast_to(np.float32(0), tuple(shape)), part)


@dataclass(frozen=True, slots=True)
class Attempt:
    """How far the lowering got with a form.

    `direction` is 0 if the form fits, 1 if it is too large, -1 if it is too small or of another kind.
    """

    direction: int
    # To compare attempts: the number of modules that began to run, of those that ran, and of inputs that these took,
    # how close the misfit was, and whether no module mixed samples.
    progress: tuple[int, ...]
    steps: tuple[Step, ...]
    size: int  # nodes
    misfit: Misfit | None = None
    sources: tuple[Path, ...] = ()  # of the inputs on which the misfit depends
    refused: bool = False
    unbatched: bool = False  # a module that takes batches, too, took a single sample
    cut: bool = False  # the network became too long

    @property
    def fits(self) -> bool:
        """Whether the form fits all modules."""
        return self.direction == 0

    @property
    def rank(self) -> tuple[bool, tuple[int, ...], bool]:
        """The quality of the attempt, for comparisons: whether it fits, its progress, and whether it has a batch."""
        return self.fits, self.progress, not self.unbatched


class Attempts:
    """Lowers a network for forms, for each only once."""

    def __init__(self, root: Module, mode: Mode) -> None:
        self.root = root
        self.mode = mode
        self.left = NODES
        self.furthest: Form = TensorForm()
        self._known: dict[Form, Attempt] = {}

    def __call__(self, form: Form) -> Attempt:
        """Lower the network for a form. Raises Exhausted, and InvalidInputError for a damaged module."""
        if form not in self._known:
            self._known[form] = self._run(form)
            before = self._known.get(self.furthest)
            if before is None or self._known[form].rank > before.rank:
                self.furthest = form
        return self._known[form]

    def _run(self, form: Form) -> Attempt:
        if self.left <= 0:
            raise Exhausted
        net = _Trial(_BoundedBuilder(min(self.left, NODES_EACH)), self.mode)
        misfit: Misfit | None = None
        sources: tuple[Path, ...] = ()
        try:
            net.run(self.root, declare(net.builder, specs(form)))
        except Misfit as error:
            misfit = error
            sources = _sources(net.builder, error.given, form)
        except Exhausted:
            misfit = Misfit("the network becomes too long", self.root, ())
        except UsageError as error:
            misfit = Misfit(error.what, self.root, ())
        self.left -= net.builder.size + len(net.steps) + 20
        direction = int(bool(net.mixed)) or (_direction(misfit) if misfit else -int(bool(net.problems)))
        ran, taken = {step.module.path for step in net.steps}, _taken(net.steps, form)
        return Attempt(
            direction,
            (len(net.entered), len(ran), len(taken), _closeness(misfit) if misfit else 0, int(not net.mixed)),
            tuple(net.steps),
            net.builder.size,
            misfit,
            sources,
            refused=bool(net.problems),
            unbatched=bool(net.unbatched),
            cut=net.builder.size >= NODES_EACH,
        )


def names(form: Form) -> dict[str, Path]:
    """Return the paths of the tensors of a form by the names of the network's inputs."""
    paths = [path for path, _ in tensors(form)]
    return {input_name(position, len(paths)): path for position, path in enumerate(paths)}


def _sources(builder: Builder, given: TorchValue, form: Form) -> tuple[Path, ...]:
    found = set[str]().union(*(builder.sources(value) for value in leaves(given)))
    return tuple(path for name, path in names(form).items() if name in found)


def _taken(steps: Iterable[Step], form: Form) -> set[str]:
    """Return the names of the inputs that modules have taken directly."""
    return names(form).keys() & {step.taken.name for step in steps if isinstance(step.taken, Value)}


def _closeness(misfit: Misfit) -> int:
    """Return 2 if the input was a table or tensor as the module needs and of the right rank, 1 if of another rank."""
    definition, x = definition_of(misfit.module), misfit.given
    takes_table = definition is not None and (definition.takes == "table" or bool(definition.items))
    if definition is None or takes_table != isinstance(x, tuple):
        return 0
    rank = definition.rank and definition.rank - int(definition.unbatched == "only")
    return 1 + int(not isinstance(x, Value) or rank in (None, x.rank))


def _direction(misfit: Misfit) -> int:
    """Return 1 if the input was larger than what the module takes, else -1."""
    definition, x = definition_of(misfit.module), misfit.given
    if definition is None or not isinstance(x, Value):
        return -1
    if definition.elements:
        wanted = definition.elements(misfit.module)
        return 1 if wanted and math.prod(x.shape[1:]) > wanted else -1
    if definition.sizes and definition.rank is not None:
        shift = x.rank - definition.rank
        sizes = definition.sizes(misfit.module).items()
        if any(
            size is not None and 0 <= axis + shift < x.rank and x.shape[axis + shift] > size for axis, size in sizes
        ):
            return 1
    return -1
