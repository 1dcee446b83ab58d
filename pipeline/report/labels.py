"""The labels of the boxes in the drawing of a network."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.report import words
from pipeline.report.data import NetworkSummary, Parity
from pipeline.report.folding import Part
from pipeline.report.kinds import kind

MARKS = 10  # marks of kinds that fit into a box


@dataclass(frozen=True, slots=True)
class Label:
    """The words in a box, and the kinds of its layers. `spoken` is everything in one sentence."""

    heading: str
    name: str
    shape: str
    kinds: tuple[str, ...]
    spoken: str
    is_output: bool
    differs: bool


def label(part: Part, network: NetworkSummary, parity: Parity | None) -> Label:
    """Return the label of a box. It counts as different if any of its layers does."""
    layers = [network.layers[place] for place in part.layers]
    first, last = layers[0], layers[-1]
    shape = words.shape(last.outputs[0].shape)
    is_output = any(layer.is_output for layer in layers)
    differs = parity is not None and any(parity.differs(layer.outputs[0].name) for layer in layers if layer.outputs)
    flags = [", an output of the network"] * is_output + [", numbers differ"] * differs
    if len(layers) == 1:
        spoken = f"{last.operator} {last.name}, {shape}{''.join(flags)}"
        return Label(last.operator, last.name, shape, (kind(last),), spoken, is_output, differs)
    heading = words.TIMES.lstrip() + str(part.times) if part.times > 1 else ""
    name, inside = f"{first.name} … {last.name}", words.plural(len(part.pattern), "layer")
    kinds = tuple(kind(network.layers[place]) for place in part.pattern)
    spoken = f"{inside}{f', repeated {part.times} times' if heading else ''}: {name}, {shape}{''.join(flags)}, folded"
    return Label(heading, name, f"{inside}, {shape}", kinds[:MARKS], spoken, is_output, differs)
