"""DeepMask and SharpMask (facebookresearch/deepmask).

Read: DeepMask.lua, SharpMask.lua, SpatialSymmetricPadding.lua, modelUtils.lua.
"""

from __future__ import annotations

from pipeline.graph.operators import Concat, Pad
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, join, module
from pipeline.torch7.modules.slicing import image_pads
from pipeline.torch7.modules.vision import const_affine
from pipeline.torch7.objects import Table, TorchObject

module("nn.SpatialConstDiagonal")(const_affine)


@module("nn.SpatialSymmetricPadding", rank=4, unbatched="refused")
def symmetric_padding(m: Module, x: Value, net: Lowering) -> Value:
    """Mirror the image at its borders, with the border itself; crop where negative."""
    pads = image_pads(m, x, net)
    cropped = tuple(min(pad, 0) for pad in pads)
    if any(cropped):
        x = net.add(Pad(pads=cropped), x, part="cropped" if max(pads) > 0 else "")
    for axis, step in ((2, "rows"), (3, "columns")):
        begin, end, size = max(pads[axis], 0), max(pads[x.rank + axis], 0), x.shape[axis]
        if max(begin, end) > size:
            net.misfit(f"at least {max(begin, end)} {step}", x)
        before = [net.narrow(x, axis, i, 1, part=f"{step}_before{i + 1}") for i in range(begin)]
        after = [net.narrow(x, axis, size - 1 - i, 1, part=f"{step}_after{i + 1}") for i in range(end)]
        if before or after:
            last = axis == 3 or max(pads[3], pads[x.rank + 3]) <= 0
            x = net.add(Concat(axis=axis), *before[::-1], x, *after, part="" if last else step)
    return x


@module("nn.DeepMask", holds=("trunk", "maskBranch", "scoreBranch"))
def deep_mask(m: Module, x: Value, net: Lowering) -> TorchValue:
    """The mask and the score of an image, by two branches on one trunk; Torch runs them one by one (deepmask)."""
    features = net.run(m.child("trunk"), x)
    return net.run(m.child("maskBranch"), features), net.run(m.child("scoreBranch"), features)


@module("nn.SharpMask", holds=("trunk", "refs", "scoreBranch"))
def sharp_mask(m: Module, x: Value, net: Lowering) -> TorchValue:
    """The mask, refined by what the trunk gave at the places `skpos` on the way, and the score (deepmask)."""
    features: TorchValue = x
    given: dict[int, TorchValue] = {}
    for place, child in enumerate(m.child("trunk").children(), 1):
        features = given[place] = net.run(child, features)
    mask, places = net.run(refinement(m, 0, net), features), m.sizes("skpos")
    for step, place in enumerate(places, 1):
        if place not in given:
            net.damaged(f"a trunk of {place} modules", str(len(given)))
        mask = net.run(refinement(m, step, net), (given[place], mask))
    return mask, net.run(m.child("scoreBranch"), features)


def refinement(m: Module, step: int, net: Lowering) -> Module:
    """Return the module of a step of the refinement, which count from 0."""
    table = m.object.get("refs")
    found = table.get(step) if isinstance(table, Table) else None
    if not isinstance(found, TorchObject):
        return net.damaged(f"a module as refs[{step}]", "none")
    return Module(found, join(m.path, f"refs[{step}]"))
