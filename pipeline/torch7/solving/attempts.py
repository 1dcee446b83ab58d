"""Trying shapes: the network's modules are run on a form, to see whether it fits, or where not.

A run makes nodes and computes no numbers, so that hundreds take a second. How many may be made is bounded by a count
of nodes, not by a clock: what is found depends on the file alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.graph.builder import Builder
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering, Misfit, Step
from pipeline.torch7.mode import Mode
from pipeline.torch7.module import Module, TorchValue, definition_of
from pipeline.torch7.running import declare, input_name
from pipeline.torch7.solving.forms import Form, Path, TensorForm, specs, tensors
from pipeline.torch7.tables import leaves

NODES = 50_000  # and modules that run, of all attempts together
NODES_EACH = 6_000


class Exhausted(Exception):  # noqa: N818 - the end of a search, no fault
    """As many nodes have been made as a search may make."""


class _BoundedBuilder(Builder):
    """A builder of few nodes."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def unique(self, name: str) -> str:
        """Claim a name, as for every node; raises Exhausted where there are too many."""
        if self.size >= self.most:
            raise Exhausted
        return super().unique(name)


class _Trial(Lowering):
    """A lowering for a shape that may be one that nobody means: whatever a module, of a plugin too, makes of it."""

    def run(self, module: Module, x: TorchValue) -> TorchValue:
        """Lower a module; raises Misfit where it fails over the shape. The one that is taken is lowered once more."""
        try:
            return super().run(module, x)
        except (ArithmeticError, LookupError, ValueError) as error:
            raise Misfit(f"{module.origin} fails: {error!r}", module, x) from error


@dataclass(frozen=True, slots=True)
class Attempt:
    """How far a form went.

    `direction` is 0 where it fits, -1 where it is too small or of another kind, 1 where it is too large.
    """

    direction: int
    # How many modules began to run, how many ran, how many inputs these took, how close the one that failed was, and
    # whether all made samples of samples.
    progress: tuple[int, ...]
    steps: tuple[Step, ...]
    size: int  # nodes
    misfit: Misfit | None = None
    sources: tuple[Path, ...] = ()  # of the inputs that the misfit comes from
    refused: bool = False
    unbatched: bool = False  # a module took one sample where it takes batches too
    cut: bool = False  # the network became too long

    @property
    def fits(self) -> bool:
        """Whether all modules took what they were given."""
        return self.direction == 0

    @property
    def rank(self) -> tuple[bool, tuple[int, ...], bool]:
        """How good it is, to compare: fitting or not, how far it went, and with a batch rather than without."""
        return self.fits, self.progress, not self.unbatched


class Attempts:
    """Runs a network on forms, each once."""

    def __init__(self, root: Module, mode: Mode) -> None:
        self.root = root
        self.mode = mode
        self.left = NODES
        self.furthest: Form = TensorForm()
        self._known: dict[Form, Attempt] = {}

    def __call__(self, form: Form) -> Attempt:
        """Run the network on a form. Raises Exhausted, and InvalidInputError for a damaged module."""
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
    """Return the paths of a form's tensors by the names that the network's inputs have."""
    paths = [path for path, _ in tensors(form)]
    return {input_name(position, len(paths)): path for position, path in enumerate(paths)}


def _sources(builder: Builder, given: TorchValue, form: Form) -> tuple[Path, ...]:
    found = set[str]().union(*(builder.sources(value) for value in leaves(given)))
    return tuple(path for name, path in names(form).items() if name in found)


def _taken(steps: Iterable[Step], form: Form) -> set[str]:
    """Return the names of the inputs that modules have taken as they are."""
    return names(form).keys() & {step.taken.name for step in steps if isinstance(step.taken, Value)}


def _closeness(misfit: Misfit) -> int:
    """Return 2 where a module was given a table or tensor as it takes it, of the right rank, 1 or 0 where not."""
    definition, x = definition_of(misfit.module), misfit.given
    takes_table = definition is not None and (definition.takes == "table" or bool(definition.items))
    if definition is None or takes_table != isinstance(x, tuple):
        return 0
    rank = definition.rank and definition.rank - int(definition.unbatched == "only")
    return 1 + int(not isinstance(x, Value) or rank in (None, x.rank))


def _direction(misfit: Misfit) -> int:
    """Return 1 where a module was given more than it takes, else -1."""
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
