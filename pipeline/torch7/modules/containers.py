"""Containers: modules that run other modules."""

from __future__ import annotations

from pipeline.graph.operators import Concat, Pad
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.axes import axis_of, joined


@module(
    "nn.Sequential",
    "nn.Decorator",
    "nn.DontCast",
    "nn.FireModule",
    "nn.GPU",
    "nn.Inception",
    "nn.LayerNormalization",
    "nn.Maxout",
    "nn.NaN",
    "nn.Profile",
    "nn.Serial",
    "nn.SpatialLPPooling",
    "inn.SpatialSameResponseNormalization",
    inside="chain",
)
def sequential(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the modules one after the other. Decorators contain one, and some layers consist of several."""
    for child in m.children():
        x = net.run(child, x)
    return x


@module("nn.Concat", inside="branches")
def concat(m: Module, x: TorchValue, net: Lowering) -> Value:
    """Run every module on the same input and join their outputs along `dimension`."""
    return concatenated(m, x, net, m.int("dimension"))


def concatenated(m: Module, x: TorchValue, net: Lowering, dimension: int) -> Value:
    """Run every module on the same input, and return their joined outputs."""
    branches = net.tensors([net.run(child, x) for child in m.children(branches=True)])
    return joined(branches, axis_of(dimension, branches[0], net), net)


@module("nn.DepthConcat", inside="branches")
def depth_concat(m: Module, x: TorchValue, net: Lowering) -> Value:
    """As Concat, but smaller maps are padded with zeros to the largest, less before than after (DepthConcat.lua)."""
    branches = net.tensors([net.run(child, x) for child in m.children(branches=True)])
    axis = axis_of(m.int("dimension"), branches[0], net)
    if any(b.rank != branches[0].rank for b in branches):
        net.misfit("branches that give tensors of one rank", branches)
    largest = [max(b.shape[i] for b in branches) for i in range(branches[0].rank)]
    padded = []
    for position, branch in enumerate(branches, 1):
        missing = [0 if i == axis else largest[i] - size for i, size in enumerate(branch.shape)]
        begins = [size // 2 for size in missing]
        ends = [size - begin for size, begin in zip(missing, begins, strict=True)]
        if any(missing):
            branch = net.add(Pad(pads=(*begins, *ends)), branch, part=f"pad{position}")  # noqa: PLW2901
        padded.append(branch)
    return net.add(Concat(axis=axis), *padded)


@module("nn.ConcatTable", inside="branches")
def concat_table(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run every module on the same input, and return the table of their outputs."""
    return tuple([net.run(child, x) for child in m.children(branches=True)])


@module("nn.ParallelTable", inside="items", items=lambda m: len(m.children()))
def parallel_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Run the i-th module on the i-th item."""
    children = m.children(branches=True)
    if len(x) < len(children):
        net.misfit(f"a table of {len(children)} items", x)
    return tuple([net.run(child, item) for child, item in zip(children, x, strict=False)])


@module("nn.MapTable")
def map_table(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> TorchValue:
    """Run one module, with the same parameters, on every item."""
    clones = m.children(branches=True)
    original = m.child("module") if m.has("module") else m.inner(1, branches=True)
    shared = m.flag("shared", True)
    outputs = []
    for i, item in enumerate(x):  # in Torch, each item has a clone of the module, and so an output of its own
        outputs.append(net.duplicate(net.run(original if shared or i >= len(clones) else clones[i], item)))
    return tuple(outputs)


@module("nn.Parallel", inside="items")
def parallel(m: Module, x: Value, net: Lowering) -> Value:
    """Run the i-th module on the i-th slice along `inputDimension`, and join along `outputDimension`."""
    axis = axis_of(m.int("inputDimension"), x, net)
    children = m.children(branches=True)
    if x.shape[axis] > len(children):
        net.misfit(f"at most {len(children)} slices along dimension {axis + 1}", x)
    outputs = []
    for position in range(x.shape[axis]):
        one = net.select(x, axis, position, part=f"slice{position + 1}")
        outputs.append(net.run(children[position], one))
    branches = net.tensors(outputs)
    return joined(branches, axis_of(m.int("outputDimension"), branches[0], net), net)


@module("nn.Bottle")
def bottle(m: Module, x: Value, net: Lowering) -> TorchValue:
    """Run the module on an input whose extra leading dimensions are merged into the first (Bottle.lua)."""
    child = m.inner(1)
    kept = m.int("nInputDim", 2) - 1  # dimensions that are not merged
    extra = x.rank - kept
    if extra <= 1:
        return net.run(child, x)
    with net.inside("merged"):
        merged = net.reshape(x, (-1, *x.shape[extra:]))
    y = net.run(child, merged)
    if not isinstance(y, Value):
        net.misfit("a module that gives a tensor", y)
    net.current(y)
    return net.reshape(y, (*x.shape[:extra], *y.shape[1:]))


@module("nn.DataParallelTable", "nn.DataParallel", inside="replicas")
def data_parallel(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """Run the first replica on the whole batch, because the others are copies of it for other devices."""
    return net.run(m.inner(1), x)
