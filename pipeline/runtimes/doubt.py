"""What a program runs and computes wrongly, without a word: its opinion of a net with such a layer is worth nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.caffe.schema import LayerParameter
    from pipeline.torch7.module import Module

# Whether it is wrong about a layer, given the layers in front by the blob that each made last.
Test = Callable[["LayerParameter", Mapping[str, "LayerParameter"]], bool]


def doubted_layer(prototxt: Path, wrong: Mapping[str, Sequence[tuple[Test, str]]]) -> str:
    """Return a sentence about the first layer of a net that is in `wrong` (tests and what they find, by layer type).

    "" where there is none.
    """
    from pipeline.caffe.files import read_net

    made_by: dict[str, LayerParameter] = {}
    for layer in read_net(prototxt).layer:
        for test, what in wrong.get(layer.type, ()):
            if test(layer, made_by):
                return f"it is known to be wrong about {what} ({layer.name})"
        made_by |= dict.fromkeys(layer.top, layer)
    return ""


# Whether a program is wrong about a module, given whether that stood at another place before.
ModuleTest = Callable[["Module", bool], bool]


def doubted_module(file: Path, wrong: Mapping[str, tuple[ModuleTest, str]]) -> str:
    """Return a sentence about the first module of a Torch7 file that is in `wrong`: a test and what it finds, by class.

    Under "" is what holds for every class. "" where there is none.
    """
    from pipeline.torch7.importer import find_network
    from pipeline.torch7.module import modules_in

    seen: set[int] = set()
    for module in modules_in(find_network(file).network):
        for test, what in (wrong[kind] for kind in ("", module.kind) if kind in wrong):
            if test(module, id(module.object) in seen):
                return f"it is known to be wrong about {what} ({module.origin})"
        seen.add(id(module.object))
    return ""
