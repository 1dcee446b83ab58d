"""Recognises layers that a program computes wrongly without an error, so that it is not used for such networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.caffe.schema import LayerParameter
    from pipeline.torch7.module import Module

# Returns whether a program is wrong about a layer, given the layers before it by the blob that each made last.
Test = Callable[["LayerParameter", Mapping[str, "LayerParameter"]], bool]


def doubted_layer(prototxt: Path, wrong: Mapping[str, Sequence[tuple[Test, str]]]) -> str:
    """Return a sentence about the first layer that a program computes wrongly; "" if there is none.

    `wrong` holds tests by layer type, each with what is wrong.
    """
    from pipeline.caffe.files import read_net

    made_by: dict[str, LayerParameter] = {}
    for layer in read_net(prototxt).layer:
        for test, what in wrong.get(layer.type, ()):
            if test(layer, made_by):
                return f"it is known to be wrong about {what} ({layer.name})"
        made_by |= dict.fromkeys(layer.top, layer)
    return ""


# Returns whether a program is wrong about a module, given whether the module was used before.
ModuleTest = Callable[["Module", bool], bool]


def doubted_module(file: Path, wrong: Mapping[str, tuple[ModuleTest, str]]) -> str:
    """Return a sentence about the first module of a Torch7 file that a program computes wrongly; "" if there is none.

    `wrong` holds tests by class, each with what is wrong; those under "" are for every class.
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
