"""Layers with a sliding window of weights: Convolution, Deconvolution, their relatives, and Im2col."""

from __future__ import annotations

from typing import NamedTuple, TypedDict

from pipeline.caffe.read.layer import Fields, LayerReader
from pipeline.caffe.read.reader import CaffeReader, reads
from pipeline.graph.operators import Conv, ConvTranspose, Im2Col, Reshape, Squeeze, Unsqueeze
from pipeline.graph.values import Shape, Value

Ints = tuple[int, ...]


class Geometry(TypedDict):
    """The attributes of a dilated window."""

    kernel_shape: Ints
    strides: Ints
    pads: Ints
    dilations: Ints


class KernelWindow(NamedTuple):
    """The geometry of a window over spatial axes, with a number for each axis. Pads are the same on both sides."""

    kernel: Ints
    stride: Ints
    pad: Ints
    dilation: Ints

    @property
    def attributes(self) -> Geometry:
        """Return the geometry as attributes of ConvTranspose."""
        return {
            "kernel_shape": self.kernel,
            "strides": self.stride,
            "pads": self.pad * 2,
            "dilations": self.dilation,
        }

    def over(self, sizes: Ints) -> Geometry:
        """Return the geometry as attributes of Conv over maps of `sizes`.

        Caffe rounds (size + 2 pad - reach) / stride toward 0. So if a single window extends beyond the pads by less
        than a stride, it still counts, and finds zeros there (ConvolutionLayer::compute_output_shape, im2col.cpp).
        """
        ends = []
        for size, kernel, stride, pad, dilation in zip(sizes, *self, strict=True):
            beyond = (kernel - 1) * dilation + 1 - size - 2 * pad
            ends.append(pad + beyond if 0 < beyond < stride else pad)
        return self.attributes | {"pads": (*self.pad, *ends)}


def window(layer: LayerReader, fields: Fields, axes: int) -> KernelWindow:
    """Return the geometry in a ConvolutionParameter (BaseConvolutionLayer::LayerSetUp)."""
    found = KernelWindow(
        kernel=_extents(layer, fields, "kernel_size", ("kernel_h", "kernel_w"), axes, 0),
        stride=_extents(layer, fields, "stride", ("stride_h", "stride_w"), axes, 1),
        pad=_extents(layer, fields, "pad", ("pad_h", "pad_w"), axes, 0),
        dilation=_extents(layer, fields, "dilation", (), axes, 1),
    )
    if min((*found.kernel, *found.stride, *found.dilation), default=1) < 1:
        layer.invalid("kernel, stride and dilation must be at least 1")
    return found


def _extents(layer: LayerReader, fields: Fields, name: str, two: tuple[str, ...], axes: int, default: int) -> Ints:
    """Return a number for each axis: from a repeated field with one for each or for all, or the two fields in `two`."""
    given = fields.ints(name)
    if any(fields.has(each) for each in two):
        if given or axes != 2:
            layer.invalid(f"{' and '.join(two)} are for 2 spatial axes, and exclude {name}")
        return tuple(fields.int(each) for each in two)
    if len(given) not in (0, 1, axes):
        layer.invalid(f"{len(given)} numbers of {name} for {axes} spatial axes")
    return given if len(given) == axes else (given or (default,)) * axes


def fold(net: CaffeReader, x: Value, axis: int) -> Value:
    """Return x as (N, C, spatial...), where `axis` is C: axes before it are merged, and there is a spatial axis."""
    spatial = x.shape[axis + 1 :] or (1,)
    lead = (0,) if axis == 1 else (1,) if axis == 0 else (-1,)
    if axis == 1 and x.rank > 2:
        return x
    return net.add(Reshape(shape=(*lead, x.shape[axis], *spatial)), x, part="folded")


def unfold(net: CaffeReader, y: Value, x: Value, axis: int) -> Value:
    """Return y, the result for a folded x, with the axes that x had before `fold`."""
    if axis == 1 and x.rank > 2:
        return y
    spatial = y.shape[2:] if axis + 1 < x.rank else ()
    lead: Shape = (-1, *x.shape[1:axis]) if axis > 1 else (0,) * axis
    return net.add(Reshape(shape=(*lead, y.shape[1], *spatial)), y, part="unfolded")


def _check_bottoms(layer: LayerReader) -> Value:
    """Return the first bottom. Others, each with a top of its own, must have the same shape."""
    if not layer.bottoms or any(x.shape != layer.bottoms[0].shape for x in layer.bottoms):
        layer.invalid("it needs bottoms, of one shape")
    return layer.bottoms[0]


@reads("Convolution", "DepthwiseConvolution", "ConvolutionDepthwise")
def convolution(layer: LayerReader, net: CaffeReader) -> None:
    """Cross-correlation; weights (Cout, Cin / group, kernel...). The depthwise types of forks differ in name only."""
    _convolve(layer, net, transposed=False)


@reads("Deconvolution")
def deconvolution(layer: LayerReader, net: CaffeReader) -> None:
    """The gradient of a convolution; weights (Cin, Cout / group, kernel...)."""
    _convolve(layer, net, transposed=True)


def _convolve(layer: LayerReader, net: CaffeReader, transposed: bool) -> None:
    fields = layer.param("convolution_param")
    x = _check_bottoms(layer)
    axis = layer.axis(fields.int("axis"), x.rank)
    frame = window(layer, fields, x.rank - axis - 1)
    channels, outputs, group = x.shape[axis], fields.int("num_output"), fields.int("group")
    if group < 1 or outputs < 1 or channels % group or outputs % group:
        layer.invalid(f"{group} groups of {channels} channels and {outputs} outputs")
    outer, inner = (channels, outputs) if transposed else (outputs, channels)
    if len(frame.kernel) > 3:
        layer.refuse(f"a window over {len(frame.kernel)} axes")
    shapes = [(outer, inner // group, *frame.kernel)] + [(outputs,)] * fields.flag("bias_term")
    arrays = net.parameters(layer, *shapes)
    if not frame.kernel:  # without spatial axes, there is one of size 1
        frame = KernelWindow((1,), (1,), (0,), (1,))
    weights = net.weight(arrays[0].reshape(*shapes[0][:2], *frame.kernel), "w")
    bias = net.weight(arrays[1], "b") if len(arrays) > 1 else None
    results = []
    for bottom in layer.bottoms:
        maps = fold(net, bottom, axis)
        operator: Conv | ConvTranspose
        if transposed:
            operator = ConvTranspose(group=group, output_padding=(0,) * len(frame.kernel), **frame.attributes)
        else:
            operator = Conv(group=group, **frame.over(maps.shape[2:]))
        y = net.add(operator, maps, weights, bias)
        results.append(unfold(net, y, bottom, axis))
    net.give(layer, *results)


@reads("Convolution3D")
def convolution_3d(layer: LayerReader, net: CaffeReader) -> None:
    """C3D's convolution over time, height and width; weights (Cout, Cin / group, depth, size, size)."""
    fields, x = layer.param("convolution3d_param"), layer.bottom
    if x.rank != 5:
        layer.invalid(f"it needs 5 axes, not shape {x.shape}")
    size, group, maps = fields.int("kernel_size"), fields.int("filter_group"), fields.int("num_output")
    kernel = (fields.int("kernel_depth"), size, size)
    if min(*kernel, group, maps) < 1 or x.shape[1] % group or maps % group:
        layer.invalid(f"a kernel of {kernel} in {group} groups, {x.shape[1]} channels and {maps} outputs")
    shapes = [(maps, x.shape[1] // group, *kernel)] + [(maps,)] * fields.flag("bias_term")
    arrays = net.parameters(layer, *shapes, exact=False)
    parameters = [net.weight(array, part) for array, part in zip(arrays, "wb", strict=False)]
    stride, pad = fields.int("stride"), fields.int("pad")
    frame = KernelWindow(
        kernel,
        (fields.int("temporal_stride"), stride, stride),
        (fields.int("temporal_pad"), pad, pad),
        (1, 1, 1),
    )
    net.give(layer, net.add(Conv(group=group, **frame.over(x.shape[2:])), x, *parameters))


@reads("Im2col")
def im2col(layer: LayerReader, net: CaffeReader) -> None:
    """Every window as a column: (N, C, H, W) becomes (N, C * kernel, outputs...)."""
    fields, x = layer.param("convolution_param"), layer.bottom
    axis = layer.axis(fields.int("axis"), x.rank)
    axes = x.rank - axis - 1
    frame = window(layer, fields, axes)
    if axes not in (1, 2):
        layer.refuse(f"Im2col over {axes} axes")
    folded = fold(net, x, axis)
    if axes == 2:
        columns = net.add(Im2Col(**frame.over(folded.shape[2:])), folded)
    else:  # with a second axis of size 1, which is removed again
        frame = KernelWindow((*frame.kernel, 1), (*frame.stride, 1), (*frame.pad, 0), (*frame.dilation, 1))
        plane = net.add(Unsqueeze(axes=(3,)), folded, part="plane")
        columns = net.add(Squeeze(axes=(3,)), net.add(Im2Col(**frame.over(plane.shape[2:])), plane), part="columns")
    net.give(layer, unfold(net, columns, x, axis))
