"""Prepares the lowering of a network: its inputs, and Python's recursion limit."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pipeline.errors import UnsupportedError
from pipeline.graph.builder import Builder
from pipeline.graph.input_spec import InputSpec, TensorSpec
from pipeline.torch7.module import Module, TorchValue, modules_in
from pipeline.torch7.tree import MAX_DEPTH

_FRAMES = 8  # nested Python calls for each level of modules, at most


def declare(builder: Builder, inputs: Sequence[InputSpec]) -> TorchValue:
    """Declare the inputs of the network in the order of the nested tables, with the names of `input_name`."""
    count = sum(count_tensors(spec) for spec in inputs)
    positions = iter(range(count))

    def value(spec: InputSpec) -> TorchValue:
        if isinstance(spec, TensorSpec):
            position = next(positions)
            return builder.input(spec.name or input_name(position, count), spec.shape)
        return tuple([value(item) for item in spec.items])

    values = tuple([value(spec) for spec in inputs])
    return values[0] if len(values) == 1 else values


def input_name(position: int, count: int) -> str:
    """Return the name of an input by its position: `input`, or `input_1`, `input_2` ... if there are several."""
    return "input" if count == 1 else f"input_{position + 1}"


def count_tensors(spec: InputSpec) -> int:
    """Return the number of tensors in an input."""
    return 1 if isinstance(spec, TensorSpec) else sum(count_tensors(item) for item in spec.items)


def depth(root: Module) -> int:
    """Return how deeply the modules of a network are nested."""
    return max(m.path.count(".") + 1 for m in modules_in(root))


@contextmanager
def deep_recursion(levels: int) -> Iterator[None]:
    """Allow the nested Python calls for so many levels of modules. Raises UnsupportedError beyond MAX_DEPTH."""
    if levels > MAX_DEPTH:
        raise UnsupportedError.one("the network", f"modules stand {levels} deep inside each other")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 1000 + _FRAMES * levels))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)
