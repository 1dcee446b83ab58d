"""Finds layers that a runtime is known to compute wrongly without an error, so that its results are ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.caffe.schema import LayerParameter
    from pipeline.torch7.module import Module

# Whether a runtime is wrong about a layer, given the earlier layers by the last blob that each made.
Test = Callable[["LayerParameter", Mapping[str, "LayerParameter"]], bool]


def doubted_layer(prototxt: Path, wrong: Mapping[str, Sequence[tuple[Test, str]]]) -> str:
    """Return a sentence about the first layer of a net that the runtime computes wrongly; "" if there is none.

    `wrong` has tests for such layers, and what they find, by type of layer.
    """
    from pipeline.caffe.files import read_net

    made_by: dict[str, LayerParameter] = {}
    for layer in read_net(prototxt).layer:
        for test, what in wrong.get(layer.type, ()):
            if test(layer, made_by):
                return f"it is known to be wrong about {what} ({layer.name})"
        made_by |= dict.fromkeys(layer.top, layer)
    return ""


# Whether a runtime is wrong about a module, given whether the same module occurred before.
ModuleTest = Callable[["Module", bool], bool]


def doubted_module(file: Path, wrong: Mapping[str, tuple[ModuleTest, str]]) -> str:
    """Return a sentence about the first module of a Torch7 file that the runtime computes wrongly; "" if there is none.

    `wrong` has a test for such modules, and what it finds, by class; the one under "" is for every class.
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
