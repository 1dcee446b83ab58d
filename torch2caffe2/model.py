"""A network of any format: its layers, its graph, and what it computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path as File
from typing import TYPE_CHECKING, Any

from pipeline import config, formats, toml
from pipeline.errors import UsageError
from pipeline.graph import budget
from torch2caffe2.settings import Inputs, Path, Shape, as_options, given, input_specs

if TYPE_CHECKING:
    import numpy as np

    from pipeline.diff.difference import Diff
    from pipeline.graph.inventory import Inventory, Part
    from pipeline.graph.values import Graph

    Array = np.ndarray[Any, Any]
    Feeds = Array | Sequence[Array] | Mapping[str, Array]


@dataclass(frozen=True)
class Model:
    """A network in a file, or in the output folder of a run, as returned by `open`.

    The file is read on demand, and only once. Several threads may use the same model. A notebook displays the table of
    its layers.
    """

    location: formats.Location
    limits: tuple[str, ...] = ()

    @property
    def path(self) -> File:
        """The file or folder that was opened."""
        return self.location.path

    @property
    def format(self) -> str:
        """The format of the network: "t7", "graph", "caffe", "caffe2" or "onnx"."""
        return self.location.format

    def inspect(self) -> Inventory:
        """Return the contents of the file in the terms of its format: title, layers, inputs, outputs, totals.

        Raises PipelineError if it cannot be read: InvalidInputError, UnsupportedError, OverBudget ...
        """
        return self._inventory

    @property
    def layers(self) -> tuple[Part, ...]:
        """The modules, layers, nodes or operators, in the order of the file. Raises as `inspect`."""
        return self._inventory.parts

    @cached_property
    def graph(self) -> Graph:
        """The network as a graph of ONNX operators, with weights that are views of the file. Raises as `inspect`."""
        return self._graph(self.location)

    @property
    def shapes(self) -> dict[str, Shape]:
        """The shapes of all inputs and values of the graph, by name. Raises as `graph`."""
        graph = self.graph
        return {value.name: value.shape for value in (*graph.inputs, *graph.values())}

    def run(self, inputs: Feeds, *, every: bool = False) -> dict[str, Array]:
        """Return the outputs by name; with `every`, all values of the graph, in order.

        `inputs` is an array, or several, in order or by name. If the model was opened without shapes, those of the
        arrays are used. PyTorch computes the values in float32. Raises UsageError if the inputs are not arrays of
        numbers or do not fit the network, and as `graph`.
        """
        from pipeline.graph import evaluation

        feeds: dict[str, Array] | list[Array]
        if isinstance(inputs, Mapping):
            feeds = {name: _array(array) for name, array in inputs.items()}
            graph = self._graph_for({name: array.shape for name, array in feeds.items()})
        else:
            feeds = [_array(array) for array in (inputs if isinstance(inputs, Sequence) else [inputs])]
            graph = self._graph_for([array.shape for array in feeds])
        if every:
            return {value.name: array for value, array in evaluation.evaluate(graph, feeds)}
        names = (value.name for value in graph.outputs)
        return dict(zip(names, evaluation.run(graph, feeds), strict=True))

    @cached_property
    def _inventory(self) -> Inventory:
        from pipeline.inspection.summary import inspect

        with budget.allowing(self.limits):
            return inspect(self.location)

    def _graph(self, location: formats.Location) -> Graph:
        with budget.allowing(self.limits):
            return formats.load(location)

    def _graph_for(self, shapes: Mapping[str, Shape] | Sequence[Shape]) -> Graph:
        """Return the graph for these shapes, unless shapes were given when the model was opened."""
        known, source = formats.locate(self.location)
        if source.inputs or (known.tells_shapes(source) and _takes(self.graph, shapes)):
            return self.graph
        return self._graph(replace(self.location, inputs=input_specs(shapes)))

    def _repr_html_(self) -> str:
        from pipeline.inspection import views

        return views.table(self._inventory).html()


def _array(given: Any) -> Array:  # noqa: ANN401 - from a caller
    """Return an input as an array. Raises UsageError if it is none of numbers."""
    import numpy as np

    try:
        array = np.asarray(given)
    except (ValueError, TypeError, OverflowError) as error:
        raise UsageError("an input is no array", why=str(error)) from error
    if array.dtype.kind not in "biuf":
        raise UsageError("an input is no array of numbers", why=f"its dtype is {array.dtype}")
    return array


def _takes(graph: Graph, shapes: Mapping[str, Shape] | Sequence[Shape]) -> bool:
    named = {value.name: value.shape for value in graph.inputs}
    return named == shapes if isinstance(shapes, Mapping) else list(named.values()) == list(shapes)


def open(
    path: Path,
    *,
    weights: Path | None = None,
    inputs: Inputs = (),
    root: str = "",
    plugins: Path | Sequence[Path] = (),
    limits: str | Sequence[str] = (),
    format: str = "",
) -> Model:
    """Return the network in a file of any format, or in the output folder of a run.

    `weights` is the file of weights of a prototxt, by default the one beside it. `inputs` are shapes that the file may
    not state. `root` is the path of a network inside a Torch7 table, as "model.net". `format` selects one of several
    networks in a folder. `plugins` are Python files that register modules; `limits` allow a larger network:
    "nodes=100000". Raises UsageError if there is no file, or no network in a folder.
    """
    from pipeline.store.machine import on_machine

    options = {"weights": weights, "inputs": inputs, "plugins": plugins, "limits": limits}
    with on_machine("opening the network", File()):
        asked = config.checked({"model": path} | as_options(given(options)))
    root, format = (toml.converted(name, text, str, File()) for name, text in (("root", root), ("format", format)))
    if format and formats.named(format) is None:
        known = ", ".join(each.name for each in formats.READ)
        raise UsageError(f"there is no format {format}", advice=f"one of: {known}")
    raised = asked.pop("limits", ())
    budget.parse(raised)
    location = formats.Location(asked.pop("model"), **asked, root=root, format=format)
    found, _ = formats.locate(location)
    return Model(replace(location, format=found.name), raised)


def diff(
    before: Model | Path, after: Model | Path, *, tolerance: float = 1e-4, seed: int = 0, run: bool = True
) -> Diff:
    """Return how two networks differ in meaning: `.same` says whether they mean the same, `.changes` lists differences.

    Names, the order of independent nodes, and nodes without effect are ignored. With `run`, the outputs for the same
    random inputs are compared, up to `tolerance`. Raises what reading either network raises, and UsageError for a
    tolerance or seed that makes no sense.
    """
    from pipeline.diff import diff_files

    asked = config.checked({"tolerance": tolerance, "seed": seed})
    first, second = (each if isinstance(each, Model) else open(each) for each in (before, after))
    with budget.allowing((*first.limits, *second.limits)):
        return diff_files.compare(first.location, second.location, **asked, run=run)
