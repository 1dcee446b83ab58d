"""The registry of layer types, and the builder for their readers: a graph whose values have the names of blobs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.caffe.read.layer import PYTHON, LayerReader
from pipeline.caffe.read.weights import Array, Weights
from pipeline.errors import UsageError
from pipeline.graph.builder import Builder
from pipeline.graph.registry import Registry
from pipeline.graph.values import Graph, Node, Shape, Value


@dataclass(frozen=True, slots=True)
class Switches:
    """The meaning of the mask of a max pooling: the position of the maximum of each window, in a map of `sizes`."""

    chosen: Value
    kernel: tuple[int, ...]
    sizes: tuple[int, ...]


class CaffeReader(Builder):
    """Builds the graph of a network, layer by layer.

    A value has the name of its blob. If several layers write one blob (in place), the value of the last one has this
    name, and earlier ones are called `<blob>_<layer>`; but an input of the network always keeps its name.
    """

    def __init__(
        self,
        name: str,
        weights: Weights,
        input_shapes: Mapping[str, Shape],
        reserved: Collection[str] = (),
        idle: Collection[str] = (),
    ) -> None:
        super().__init__(name, budget=weights.budget)
        self.weights_file = weights
        self.notes: list[str] = []
        self.blobs: dict[str, Value] = {}
        self.known_inputs: set[str] = set()
        self.prior_layers: list[str] = []  # layers that made prior boxes, for a DetectionOutput to check
        self.text_boxes: dict[str, Callable[[], Array]] = {}  # the boxes of TextBoxes, by the name of those of SSD
        self.switches: dict[str, Switches] = {}  # by the name of the value of a mask
        self._idle = idle  # inputs that only left out layers need, such as labels
        self._input_shapes = dict(input_shapes)
        self.unconsumed: dict[str, None] = {}
        self._versions: dict[str, list[tuple[str, str]]] = {}  # blob: (layer's place, provisional name)
        self._written: set[str] = set()  # the provisional names in _versions
        for taken in sorted(reserved):  # so that no value inside a layer gets the name of a blob or layer
            self.unique(taken)

    # ---- What layers build with ----

    def parameters(self, layer: LayerReader, *shapes: Shape, exact: bool = True) -> tuple[Array, ...]:
        """Return the blobs of a layer as views of these shapes (see `Weights.take`)."""
        return self.weights_file.take(layer, *shapes, exact=exact)

    def data(self, layer: LayerReader, blob: str, shape: Shape | None) -> None:
        """Declare an input of the network. A shape from the user replaces `shape`, that of the prototxt, if any.

        Raises UsageError if there is neither.
        """
        self.known_inputs.add(blob)
        if blob in self._idle:
            return
        known = self._input_shapes.get(blob, shape)
        if known is None or not all(extent > 0 for extent in known):
            raise UsageError(
                f"the prototxt does not say what shape {blob!r} has" if known is None else f"{blob!r} would be empty",
                where=str(layer),
                why="" if known is None else f"its shape is {known}",
                advice=f"--input {blob}=... with its sizes joined by x",
            )
        layer.check_size(known)
        self._write(blob, "", self.input(blob, known))

    def give(self, layer: LayerReader, *values: Value) -> None:
        """End a layer: these values are its tops, and get the names of their blobs."""
        if len(values) != len(layer.tops):
            layer.invalid(f"it has {len(layer.tops)} tops instead of {len(values)}")
        for blob, value in zip(layer.tops, values, strict=True):
            passed_on = value.name in self._written or value.name in self.weights
            self._write(blob, self._place, self.add("Identity", value) if passed_on else value)

    def joined(self, value: Value) -> Sequence[Value]:
        """Return the values that a Concat has joined to this one; for any other value, only itself."""
        made = next((node for node in self._nodes if value in node.outputs), None)
        inputs = made.inputs if made and made.operator.name == "Concat" else (value,)
        return [each for each in inputs if each is not None]

    # ---- What the walk over the layers does ----

    def consume(self, blob: str) -> Value | None:
        """Return the value of a bottom; None if no earlier layer has made it."""
        self.unconsumed.pop(blob, None)
        return self.blobs.get(blob)

    def guess(self, blob: str, shape: Shape) -> None:
        """Stand in for a blob that could not be made, with a guessed shape, so that later layers are checked, too."""
        value = self.blobs[blob] = Value(blob, shape)
        self.budget.grow("activations", self.budget.value(value.type, blob))  # as if it were an input

    def _write(self, blob: str, place: str, value: Value) -> None:
        self.blobs[blob] = value
        self.unconsumed[blob] = None
        self._versions.setdefault(blob, []).append((place, value.name))
        self._written.add(value.name)

    def close(self, outputs: Sequence[str] | None = None, ends: Sequence[str] = ()) -> Graph:
        """Return the graph of what the outputs need: the blobs `outputs`, or else Caffe's own outputs and `ends`.

        Caffe's own outputs are the blobs that no layer consumes, sorted by name (Net::Init, net.cpp). Raises UsageError
        for an output that is no blob of the network.
        """
        names = sorted({*self.unconsumed, *ends}) if outputs is None else outputs
        unknown = [name for name in names if name not in self.blobs]
        if unknown:
            raise UsageError(f"the network has no blob called {', '.join(unknown)}")
        graph = self.finish([self.blobs[name] for name in names])
        return _renamed(_needed(graph), self._final_names(), self._places())

    def sketch(self) -> Graph:
        """Return the graph of what was read without guesses. Its outputs are the values that no node takes."""
        graph = self.finish([])
        known = {value.name for value in graph.inputs} | self.weights.keys()
        kept: list[Node] = []
        for node in graph.nodes:
            if all(value is None or value.name in known for value in node.inputs):
                kept.append(node)
                known.update(value.name for value in node.outputs)
        taken = {value.name for node in kept for value in node.inputs if value is not None}
        ends = tuple(value for node in kept for value in node.outputs if value.name not in taken)
        whole = replace(graph, nodes=tuple(kept), outputs=ends)
        return _renamed(_needed(whole), self._final_names(), self._places())

    def _final_names(self) -> dict[str, str]:
        """Return the final names of the values of all blobs by their provisional names."""
        final = {}
        for blob, versions in self._versions.items():
            keeper = 0 if versions[0][0] == "" else len(versions) - 1
            for index, (place, provisional) in enumerate(versions):
                final[provisional] = blob if index == keeper else self.unique(f"{blob}_{place}")
        return final

    def _places(self) -> dict[str, str]:
        """Return the names of layers, for their nodes, by the provisional names of their first tops."""
        first: dict[str, str] = {}
        for versions in self._versions.values():
            for place, provisional in versions:
                first.setdefault(place, provisional)
        return {provisional: place for place, provisional in first.items() if place}


Read = Callable[[LayerReader, CaffeReader], None]
READS: Registry[Read] = Registry("Caffe layer")
reads = READS.register


def layer(kind: str, *, module: str = "", layer: str = "") -> Callable[[Read], Read]:
    """Register a reader for layers of a type; for Python layers, of a class in a module, as named in the prototxt.

    Raises ValueError if there is one already, and if a class is given for another type, or none for Python.
    """
    if (kind == PYTHON) != bool(module and layer):
        raise ValueError("module and layer tell Python layers apart, and are for these only")
    return READS.register(f"{PYTHON} {module}.{layer}" if module else kind)


def per_channel(array: Array, rank: int, axis: int = 1) -> Array:
    """Return a view that broadcasts an array over a blob of `rank` axes, from `axis` on: (C,) as (C, 1, 1)."""
    return array.reshape(array.shape + (1,) * (rank - axis - array.ndim)) if array.ndim else array


def _needed(graph: Graph) -> Graph:
    """Return the graph without what no output needs: the reference of a Crop, or the bottom of a Silence."""
    wanted = {value.name for value in graph.outputs}
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if any(value.name in wanted for value in node.outputs):
            kept.append(node)
            wanted.update(value.name for value in node.inputs if value is not None)
    weights = {name: array for name, array in graph.weights.items() if name in wanted}
    return replace(graph, nodes=tuple(reversed(kept)), weights=weights)


def _renamed(graph: Graph, values: Mapping[str, str], nodes: Mapping[str, str]) -> Graph:
    """Return the graph with other names of values, and of nodes: `nodes` has those by the old name of an output."""

    def value(old: Value) -> Value:
        return replace(old, name=values[old.name]) if old.name in values else old

    def node(old: Node) -> Node:
        names = [nodes[output.name] for output in old.outputs if output.name in nodes]
        return replace(
            old,
            name=names[0] if names else old.name,
            inputs=tuple(None if each is None else value(each) for each in old.inputs),
            outputs=tuple(value(each) for each in old.outputs),
        )

    return replace(
        graph,
        inputs=tuple(value(each) for each in graph.inputs),
        outputs=tuple(value(each) for each in graph.outputs),
        nodes=tuple(node(each) for each in graph.nodes),
    )
