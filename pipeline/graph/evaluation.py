"""Evaluates a graph with PyTorch, node by node, keeping only the values that are still needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import UsageError
from pipeline.graph.input_spec import TensorSpec
from pipeline.graph.values import Graph, Node, Value
from pipeline.lazy import LazyModule

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:
    torch = LazyModule("torch")

Array = np.ndarray[Any, Any]
Feeds = Mapping[str, Array] | Sequence[Array]


def evaluate(graph: Graph, feeds: Feeds, *, double: bool = False) -> Iterator[tuple[Value, Array]]:
    """Yield each value that a node makes, with its array, as soon as it is computed.

    `feeds` holds the inputs by name, or in order. The arrays are read-only, and freed as soon as the caller and all
    later nodes are done with them. Weights are views of their file, converted one node at a time. With `double`,
    float32 values are computed in float64. Raises UsageError if the feeds do not fit the inputs of the graph.
    """
    given = _matched(graph, feeds)
    known = {value.name: _tensor(given[value.name], value.dtype, double) for value in graph.inputs}
    last_use = {value.name: i for i, node in enumerate(graph.nodes) for value in node.inputs if value}
    for i, node in enumerate(graph.nodes):
        results = _compute(node, graph, known, double)
        for value in node.inputs:
            if value is not None and last_use[value.name] == i:
                known.pop(value.name, None)
        for value, made in zip(node.outputs, results, strict=True):
            result = made.double() if double and value.dtype == "float32" else made
            if last_use.get(value.name, -1) > i:
                known[value.name] = result
            array = result.numpy()
            array.flags.writeable = False
            yield value, array
        del results, made, result, array


def run(graph: Graph, feeds: Feeds) -> tuple[Array, ...]:
    """Return the outputs of the graph for these inputs (see `evaluate`)."""
    wanted = {value.name for value in graph.outputs}
    found = {name: array for name, array in _matched(graph, feeds).items() if name in wanted}
    found |= {name: array for name, array in graph.weights.items() if name in wanted}
    found |= {value.name: array for value, array in evaluate(graph, feeds) if value.name in wanted}
    return tuple(found[value.name] for value in graph.outputs)


def _matched(graph: Graph, feeds: Feeds) -> dict[str, Array]:
    """Return the feeds by name. Raises UsageError if they do not fit the inputs of the graph."""
    names = [value.name for value in graph.inputs]
    if not isinstance(feeds, Mapping):
        if len(feeds) != len(names):
            raise UsageError(f"{len(feeds)} inputs are given; the network takes {len(names)}")
        feeds = dict(zip(names, feeds, strict=True))
    if feeds.keys() != set(names):
        given = ", ".join(sorted(map(str, feeds))) or "none"
        raise UsageError(f"the inputs {given} are given; the network takes {', '.join(names) or 'none'}")
    for value in graph.inputs:
        if feeds[value.name].shape != value.shape:
            shape, wanted = TensorSpec(feeds[value.name].shape), TensorSpec(value.shape)
            raise UsageError(f"the shape of {value.name} is {shape}, but the network takes {wanted}")
    return dict(feeds)


def _compute(node: Node, graph: Graph, known: Mapping[str, Tensor], double: bool) -> tuple[Tensor, ...]:
    def argument(value: Value | None) -> Tensor | None:
        if value is None or value.name in known:
            return None if value is None else known[value.name]
        return _tensor(graph.weights[value.name], value.dtype, double)

    # Not around the whole generator: the mode would leak into the caller's code.
    with torch.inference_mode():
        try:
            results = node.operator.evaluate(*map(argument, node.inputs))
        except IndexError as error:
            raise UsageError(
                f"the inputs hold an index that {node.origin} has no row for",
                where=node.name,
                why=f"it has {_rows(node)}",
                advice="the numbers of a --reference are what the network was given, counted as it counts",
            ) from error
        except Exception as error:
            error.add_note(f"while computing {node.name}, {node.operator.name} of {node.origin}")
            raise
    return results if isinstance(results, tuple) else (results,)


def _rows(node: Node) -> str:
    """Return in words how many rows a node chooses from, if known."""
    counts = sorted({*node.operator.index_rows(node).values()})
    return f"{' and '.join(map(str, counts)) or 'fewer'} rows"


class _Writable:
    """Presents read-only memory as writable: PyTorch warns about read-only arrays, but no operator here writes."""

    def __init__(self, array: Array) -> None:
        interface = array.__array_interface__
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}
        self.owner = array


def _tensor(array: Array, dtype: str, double: bool) -> Tensor:
    """Return a tensor that shares the array's memory if possible, or else holds a converted copy."""
    dtype = "float64" if double and dtype == "float32" else dtype
    with np.errstate(over="ignore"):  # a double beyond float32 becomes inf, as when it is written
        array = array.astype(dtype, copy=False)
    if not array.flags.aligned or any(stride < 0 for stride in array.strides):
        array = array.copy(order="C")
    return torch.from_numpy(array if array.flags.writeable else np.asarray(_Writable(array)))
