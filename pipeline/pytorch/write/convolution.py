"""Convolutions, and other operators with sliding windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.graph.operators import Conv, ConvTranspose, Im2Col, LocallyConnected, Window
from pipeline.graph.operators.windows import torch_padding
from pipeline.graph.values import Node, Value
from pipeline.pytorch.code import Bracket, Code, Literal, call, infix, method
from pipeline.pytorch.write.builder import ModuleBuilder, writes


def alike(numbers: Sequence[int]) -> Literal:
    """Return one number if it is the same for all axes, as a person would write it, or else all of them.

    >>> alike((3, 3)), alike((3, 5))
    (3, (3, 5))
    """
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)


def but(default: int, **numbers: Sequence[int]) -> dict[str, Literal]:
    """Return the keywords whose numbers are not all PyTorch's default."""
    return {name: alike(found) for name, found in numbers.items() if set(found) != {default}}


def padded(x: Code, pads: Sequence[int], net: ModuleBuilder, value: float = 0.0, part: str = "padded") -> Code:
    """Return x with its last axes padded by `pads` (all begins, then all ends; negative ones crop), by a layer."""
    if not any(pads):
        return x
    return net.layer(pad_layer(torch_padding(tuple(pads)), value), x, part=part)


def pad_layer(ends: Sequence[int], value: float) -> Bracket:
    """Return the layer that pads the last axes with a number. `ends` are in PyTorch's order, the last axis first."""
    axes = len(ends) // 2
    if axes == 2 and value == 0:
        return call("nn.ZeroPad2d", tuple(ends))
    return call(f"nn.ConstantPad{axes}d", tuple(ends), value)


@writes(Conv)
def conv(node: Node[Conv], net: ModuleBuilder) -> None:
    """Conv1d, 2d or 3d, behind a layer that pads where begin and end differ."""
    op, x, weight = node.operator, net.read(node.input(0)), node.input(1)
    bias = node.input(2) if node.has_input(2) else None
    pads = op.begins
    if op.begins != op.ends:
        x, pads = padded(x, op.pads, net), (0,) * op.axes
    keywords = {**but(1, stride=op.strides), **but(0, padding=pads), **but(1, dilation=op.dilations)}
    keywords |= {"groups": op.group} if op.group > 1 else {}
    if _computed(net, weight, bias):
        net.give(call(f"F.conv{op.axes}d", x, net.tensor(weight), net.tensor(bias) if bias else None, **keywords))
        return
    keywords |= {} if bias else {"bias": False}
    layer = call(f"nn.Conv{op.axes}d", node.input(0).shape[1], weight.shape[0], alike(op.kernel_shape), **keywords)
    net.layer(layer, x, {"weight": weight, "bias": bias})


def _computed(net: ModuleBuilder, *weights: Value | None) -> bool:
    """Return whether some of the weights are computed, so that no layer can hold them."""
    return any(value is not None and net.array(value) is None for value in weights)


@writes(ConvTranspose)
def conv_transpose(node: Node[ConvTranspose], net: ModuleBuilder) -> None:
    """ConvTranspose, where its padding crops both ends alike; else the ends are mended, then the bias added."""
    op, weight, bias = node.operator, node.input(1), node.input(2) if node.has_input(2) else None
    spare = [max(stride, d) for stride, d in zip(op.strides, op.dilations, strict=True)]
    short = all(more < most for more, most in zip(op.output_padding, spare, strict=True))
    if op.begins == op.ends and short and not _computed(net, weight, bias):
        keywords = {**but(0, padding=op.begins), **but(0, output_padding=op.output_padding)}
        net.layer(
            _transposed(node, keywords | ({} if bias else {"bias": False})),
            net.read(node.input(0)),
            {"weight": weight, "bias": bias},
        )
        return
    if _computed(net, weight):
        strides = {**but(1, stride=op.strides), **but(1, dilation=op.dilations), "groups": op.group}
        whole: Code = call(f"F.conv_transpose{op.axes}d", net.tensor(node.input(0)), net.tensor(weight), **strides)
    else:
        whole = net.layer(_transposed(node, {"bias": False}), net.read(node.input(0)), {"weight": weight}, "whole")
    ends = (more - end for more, end in zip(op.output_padding, op.ends, strict=True))
    y = call("F.pad", whole, tuple(torch_padding((*(-begin for begin in op.begins), *ends))))
    net.give(infix(y, "+", method(net.tensor(bias), "reshape", -1, *(1,) * op.axes)) if bias else y)


def _transposed(node: Node[ConvTranspose], keywords: Mapping[str, Literal]) -> Bracket:
    op = node.operator
    more = {**but(1, stride=op.strides), **but(1, dilation=op.dilations)} | (
        {"groups": op.group} if op.group > 1 else {}
    )
    sizes = node.input(0).shape[1], node.output.shape[1], alike(op.kernel_shape)
    return call(f"nn.ConvTranspose{op.axes}d", *sizes, **more, **keywords)


@writes(LocallyConnected)
def locally_connected(node: Node[LocallyConnected], net: ModuleBuilder) -> None:
    """Every window times the weights of its place."""
    weight = net.tensor(node.input(1))
    columns = _columns(node, net)
    height, width = node.output.shape[2:]
    places = net.step(method(method(weight, "flatten", 3), "flatten", 0, 1), "places")
    sums = net.step(call("torch.einsum", "lok,nkl->nol", places, columns), "sums")
    y = method(sums, "unflatten", 2, (height, width))
    if node.has_input(2):
        net.give(infix(y, "+", net.tensor(node.input(2))))
    else:
        net.give(y)


@writes(Im2Col)
def im2col(node: Node[Im2Col], net: ModuleBuilder) -> None:
    """Unfold, in the shape of images."""
    net.give(method(_columns(node, net), "unflatten", 2, node.output.shape[2:]))


def _columns(node: Node[Window], net: ModuleBuilder) -> Code:
    """Return every window of x (N, C, H, W) as a column: (N, C kH kW, windows)."""
    op = node.operator
    x = padded(net.tensor(node.input(0)), op.pads, net)
    keywords = {**but(1, dilation=op.spacing), **but(1, stride=op.strides)}
    return net.step(call("F.unfold", x, alike(op.kernel_shape), **keywords), "columns")
