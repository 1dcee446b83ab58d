"""What modules remember of their last run in Torch: the shapes of their inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.torch7.lowering import Step
from pipeline.torch7.module import Module
from pipeline.torch7.objects import Storage, Tensor

Shape = tuple[int | None, ...]  # None: not remembered

# Every module has gradInput, with the shape of its input, and output (Module.lua). Some have a copy of the input, or
# its size: _input, iSize (cudnn), inputSize (SpatialUpSamplingNearest), iheight and iwidth (SpatialMaxPooling).
CONSULTED = 12  # memories that are tried, of a network that may have thousands
_TAKEN = ("gradInput", "_input", "iSize", "inputSize")


@dataclass(frozen=True, slots=True)
class Memory:
    """A shape that a module remembers. Its `side` says whether the module "takes" or "gives" a tensor of that shape."""

    step: Step
    side: str
    shape: Shape

    def __str__(self) -> str:
        """Return the memory in words, as a reason."""
        side = "input" if self.side == "takes" else "output"
        shape = "x".join(str(size) for size in self.shape if size is not None)
        return f"module {self.step.module.origin} kept the {side} size {shape} from its last run"


def memories(steps: Iterable[Step]) -> list[Memory]:
    """Return everything that the modules of an attempt remember, first their inputs, in the order in which they ran."""
    taken, given = [], []
    for step in steps:
        taken += [Memory(step, "takes", shape) for shape in _taken(step.module)]
        given += [Memory(step, "gives", shape) for shape in _sizes(step.module, "output")]
    return [*taken, *given]


def _taken(module: Module) -> Iterator[Shape]:
    for field in _TAKEN:
        yield from _sizes(module, field)
    height, width = module.object.get("iheight"), module.object.get("iwidth")
    if isinstance(height, int) and isinstance(width, int) and height > 0 and width > 0:
        yield (None, None, height, width)


def _sizes(module: Module, field: str) -> Iterator[Shape]:
    value = module.object.get(field)
    if isinstance(value, Tensor) and value.size:
        yield value.size
    elif isinstance(value, Storage) and 2 < len(value.data) < 7 and all(int(size) > 0 for size in value.data):
        yield tuple(int(size) for size in value.data)
