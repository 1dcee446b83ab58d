"""Reads a Caffe network into the graph: each layer by its reader, with all problems collected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pipeline.caffe.lacking import unknown_fields
from pipeline.caffe.read import data
from pipeline.caffe.read.cut import CUT_BY_ITSELF, Cut, cut_at, needed_for
from pipeline.caffe.read.layer import PYTHON, LayerReader
from pipeline.caffe.read.memory import Memory
from pipeline.caffe.read.reader import READS, CaffeReader
from pipeline.caffe.read.training import Deployed, deployed, is_source
from pipeline.caffe.read.weights import SHOWN, Weights
from pipeline.errors import InvalidInputError, OverBudget, PipelineError, Problem, UnsupportedError, UsageError
from pipeline.graph.bounds import bounded
from pipeline.graph.operators import ShapeError
from pipeline.graph.values import Graph, Origin, Shape, Value

if TYPE_CHECKING:
    from pipeline.caffe.files import CaffeNet
    from pipeline.caffe.schema import LayerParameter

UNKNOWN = (1, 3, 224, 224)  # the shape that is guessed if nothing is known
_ALIKE = 0.8  # the least similarity, of at most 1, of a name that may be meant
_SOUGHT, _LATEST, _LONG = 100, 1000, 200  # limits of this search: unknown names, known names, characters of a name


def read(
    net: CaffeNet,
    input_shapes: Mapping[str, Shape] | None = None,
    *,
    outputs: Sequence[str] | None = None,
    keep_loss: bool = False,
    cut: Sequence[str] = (),
    until: Sequence[str] = (),
    notes: list[str] | None = None,
) -> Graph:
    """Read a network (of the current form, one phase) as a graph that computes what Caffe does.

    `input_shapes` replaces shapes of the prototxt, by blob; a blob inside the network with such a shape becomes an
    input. `outputs` are the outputs in order; without them, they are the blobs that no layer consumes, sorted by name.
    `until` are outputs, too, but layers that they do not need are not even read. What only training needs is left out
    unless `keep_loss` (see `training.deployed`). `cut` names layers, or types of layers, that are left out together
    with all layers that need them; their bottoms become outputs. "auto" stands for every layer without a counterpart.
    Facts that the user should know, but that are no errors, are appended to `notes`.

    Raises UnsupportedError with every layer and every field that has no counterpart, InvalidInputError with everything
    that Caffe would not accept or for which the weights do not fit, and UsageError for inputs without a shape and for a
    cut at a layer that does not exist.
    """
    walk = _walked(net, input_shapes or {}, keep_loss, cut, until)
    if walk.problems:
        raise UnsupportedError(tuple(walk.problems))
    walk.raise_faults()
    graph = walk.reader.close(until or outputs, walk.part.ends)
    if notes is not None:
        fewer = bounded(graph)
        notes.extend(walk.notes())
        for value in graph.outputs:
            if value.name in fewer:
                sizes = "x".join(map(str, value.shape))
                notes.append(f"{value.name}: how many rows it has depends on the numbers; {sizes} is the most")
    return graph


def inputs(net: CaffeNet, *, given: Sequence[str] = (), keep_loss: bool = False) -> tuple[str, ...]:
    """Return the names of the network's inputs in the order of the prototxt, without those that only losses need.

    With `keep_loss`, losses and their inputs stay. `given` are blobs that the user declares to be inputs.
    """
    network = deployed(net, READS, given, keep_loss)
    return tuple(top for layer in network.layers if is_source(layer) for top in layer.top if top not in network.idle)


def part(
    net: CaffeNet,
    input_shapes: Mapping[str, Shape] | None = None,
    *,
    cut: Sequence[str] = (),
    until: Sequence[str] = (),
) -> Cut:
    """Return the layers that `read` reads, and those that it leaves out."""
    return _walked(net, input_shapes or {}, False, cut, until).part


def _walked(
    net: CaffeNet,
    input_shapes: Mapping[str, Shape],
    keep_loss: bool,
    cut: Sequence[str],
    until: Sequence[str],
) -> _Walk:
    """Read every layer of the part before the cuts; with "auto", cut more until no layer of the part is refused."""
    network = deployed(net, READS, input_shapes, keep_loss)
    part = cut_at(network, [name for name in cut if name != CUT_BY_ITSELF])
    part = needed_for(part, until) if until else part
    first = walk = _Walk(net, network, part, input_shapes)
    walk.run()
    while CUT_BY_ITSELF in cut and walk.refused:
        part = cut_at(network, [], part.removed | walk.refused)
        walk = _Walk(net, network, part, input_shapes)
        walk.run()
    found = walk if any(layer.bottom for layer in walk.part.layers) else first
    found.problems[:0] = unknown_fields(net.net)
    return found


def outline(
    net: CaffeNet,
    input_shapes: Mapping[str, Shape] | None = None,
    *,
    keep_loss: bool = False,
    cut: Sequence[str] = (),
    until: Sequence[str] = (),
) -> tuple[Graph, tuple[str, ...]]:
    """Read as much of a network as possible. Returns its graph, and notes on the rest.

    The graph is for showing the network, not for running it: missing weights are zeros. Layers after one that cannot be
    read, or after an input of unknown shape, are left out. A net without any weights is no error here.
    """
    walk = _walked(net, input_shapes or {}, keep_loss, cut, until)
    notes = [f"{problem.origin}: {problem.reason}" for problem in walk.problems]
    notes += [f"{fault.where}: {fault.why or fault.what}" for fault in walk.faults]
    notes += [*walk.reader.weights_file.faults[:SHOWN], *walk.notes()] if net.blobs else []
    return walk.reader.sketch(), tuple(notes)


@dataclass(slots=True)
class _Walk:
    """One pass over the layers. After a layer that cannot be read, shapes are guesses, and only refusals count."""

    net: CaffeNet
    network: Deployed
    part: Cut
    input_shapes: Mapping[str, Shape]
    problems: list[Problem] = field(default_factory=list)
    faults: list[PipelineError] = field(default_factory=list)
    guessed: set[str] = field(default_factory=set)
    refused: frozenset[str] = frozenset()
    meant: dict[str, list[str]] = field(default_factory=dict)  # similar names, by unknown name
    memory: Memory = field(init=False)
    reader: CaffeReader = field(init=False)

    def run(self) -> None:
        """Read every layer, and collect what is wrong in `problems` and `faults`."""
        layers = self.part.layers
        self.memory = Memory(self.net.net.layer)
        places = _places(layers)
        reserved = {top for layer in layers for top in layer.top} | set(places)
        weights = Weights(self.net)
        self.reader = CaffeReader(self.net.net.name, weights, self.input_shapes, reserved, self.part.idle)
        refusing = set[str]()
        for place, message in zip(places, layers, strict=True):
            known = len(self.problems)
            with self.reader.at(place, Origin(message.name, message.type)):
                self._layer(message)
            if len(self.problems) > known:
                refusing.add(message.name)
        origins = {problem.origin for problem in self.problems}  # a layer can also cause the refusal of an earlier one
        self.refused = frozenset(refusing).union(each.name for each in layers if str(LayerReader(each, ())) in origins)
        for name in self.reader.unconsumed:
            self._check_memory(name, "the network's outputs")

    def notes(self) -> Iterator[str]:
        """Yield what the user should know, on layers that were read and on those that were not."""
        yield from self.reader.notes
        yield from self.reader.weights_file.notes
        for message in self.network.left_out:
            yield f"{message.name} ({message.type}): left out; --keep-loss keeps it"
        for message in self.part.left_out:
            yield f"{message.name} ({message.type}): left out, as the network ends before it"
        for name in self.net.unused():
            yield f"{name}: the weights file has blobs for it, and the network has no such layer"
        yield from self.net.notes

    def _layer(self, message: LayerParameter) -> None:
        bottoms = tuple(self._bottom(message, name) for name in message.bottom)
        trusted = self.guessed.isdisjoint(message.bottom)
        layer = LayerReader(message, bottoms)
        self._place_tops(layer, message)
        for name in message.bottom if message.type != "Silence" else ():
            self._check_memory(name, str(layer))
        done = self._apply(layer, trusted)
        if done and trusted:
            self.guessed.difference_update(layer.tops)
            self.reader.weights_file.check_left(layer)
            return
        self.guessed.update(layer.tops)
        if not done:
            for top in layer.tops:
                self.reader.guess(top, bottoms[0].shape if bottoms else UNKNOWN)

    def _place_tops(self, layer: LayerReader, message: LayerParameter) -> None:
        """Check the memory of the tops of a layer, and record what is wrong with it."""
        fault, refusal = self.memory.fault(message), self.memory.refusal(message)
        if fault is not None:
            self._fault(layer, fault)
        elif refusal is not None and layer.kind in READS:
            self.problems.append(Problem(str(layer), refusal, "give it a top of its own"))
        self.memory.run(message, layer.bottoms)

    def _check_memory(self, blob: str, reader: str) -> None:
        writer = self.memory.spoiled_by(blob)
        if writer is not None:
            reason = f"it takes {blob!r}, which lies in memory that {writer} has overwritten in place"
            self.problems.append(Problem(reader, reason, "give the layer that overwrites a top of its own"))

    def _bottom(self, message: LayerParameter, name: str) -> Value:
        value = self.reader.consume(name)
        if value is None:
            why = f"no layer before it has the top {name!r}{self._meant(name, self.reader.blobs)}"
            self._fault(LayerReader(message, ()), why)
            self.guessed.add(name)
            return Value(name, UNKNOWN)
        return value

    def _apply(self, layer: LayerReader, trusted: bool) -> bool:
        """Run the reader of a layer, and check that it used all fields. Returns whether the tops were made."""
        handler = READS.get(layer.kind)
        if handler is None and not layer.bottoms and layer.tops:
            handler = data.source
        if handler is None:
            self.problems.append(self._unknown(layer))
            return False
        try:
            handler(layer, self.reader)
        except OverBudget:
            if trusted:
                raise
            return False  # the shapes are only guesses
        except UnsupportedError as error:
            # problems of earlier layers follow from shapes, which are only guesses if not trusted
            self.problems.extend(each for each in error.problems if trusted or each.origin.startswith(layer.name))
            return False
        except (ShapeError, InvalidInputError, UsageError) as error:
            lacking = list(layer.unknown())
            self.problems.extend(lacking)  # with these fields, the layer might be correct
            if trusted and not lacking:
                self._fault(layer, str(error)) if isinstance(error, ShapeError) else self.faults.append(error)
            return False
        self.problems.extend(layer.unread())
        self.reader.notes.extend(layer.ignored())
        return True

    def _unknown(self, layer: LayerReader) -> Problem:
        """Return the problem of a layer of unknown type, with advice how to convert the rest."""
        if layer.type == PYTHON:
            reason = f"its code is not in the file: it is {layer.kind.removeprefix(PYTHON).strip()}"
        else:
            reason = "no layer of this type is known" + self._meant(layer.type, READS)
        starts = [f"--input {top}=SHAPE takes its top as an input" for top in layer.tops[:1]]
        return Problem(str(layer), reason, "; ".join([f"--cut {layer.name} converts what is before it", *starts]))

    def _meant(self, name: str, known: Iterable[str]) -> str:
        """Return a question with a known name that is similar; "" if there is none, or too many were sought."""
        if name not in self.meant and len(self.meant) < _SOUGHT and len(name) < _LONG:
            self.meant[name] = get_close_matches(name, list(known)[-_LATEST:], n=1, cutoff=_ALIKE)
        close = self.meant.get(name)
        return f": did you mean {close[0]}?" if close else ""

    def _fault(self, layer: LayerReader, why: str) -> None:
        self.faults.append(InvalidInputError("the network is not one that Caffe can run", where=str(layer), why=why))

    def raise_faults(self) -> None:
        """Raise an error if something is wrong with the user's inputs, the network or the weights."""
        stray = [name for name in self.input_shapes if name not in self.reader.known_inputs]
        if stray:
            has = ", ".join(sorted(self.reader.known_inputs))
            raise UsageError(f"the network has no input called {', '.join(stray)}", why=f"it has {has}")
        for shapeless in (fault for fault in self.faults if isinstance(fault, UsageError)):
            raise shapeless
        if len(self.faults) == 1:
            raise self.faults[0]
        if self.faults:
            why = "\n".join(f"{fault.where}: {fault.why}" for fault in self.faults)
            raise InvalidInputError(f"{len(self.faults)} layers of the network cannot be read", why=why)
        faults = self.reader.weights_file.faults
        if faults:
            more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
            what = "the weights do not fit the network" if self.net.blobs else "the network has no weights"
            raise InvalidInputError(what, why="\n".join([*faults[:SHOWN], *more]))


def _places(layers: Sequence[LayerParameter]) -> list[str]:
    """Return a unique name in the graph for each layer: its name, or else its first top, or else its type."""
    taken: dict[str, int] = {}
    places = []
    for layer in layers:
        name = layer.name or (layer.top[0] if layer.top else layer.type)
        count = taken[name] = taken.get(name, 0) + 1
        while count > 1 and f"{name}_{count}" in taken:
            count += 1
        place = name if count == 1 else f"{name}_{count}"
        taken.setdefault(place, 1)
        places.append(place)
    return places
