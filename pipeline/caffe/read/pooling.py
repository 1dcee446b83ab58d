"""Layers that reduce windows to a number: Pooling, spatial pyramids, regions of interest."""

from __future__ import annotations

from typing import Any, NamedTuple

from pipeline.caffe.read.layer import Fields, LayerReader
from pipeline.caffe.read.reader import CaffeReader, reads
from pipeline.caffe.read.unpooling import mask
from pipeline.graph.operators import AveragePool, Concat, Flatten, MaxPool, MaxRoiPool, Reshape, ShapeError
from pipeline.graph.operators.pooling import pooled_size
from pipeline.graph.values import Value

Ints = tuple[int, ...]


class Pool(NamedTuple):
    """How a layer pools: the method as Caffe names it, and a window for each spatial axis."""

    method: str
    kernel: Ints
    stride: Ints
    pad: Ints
    floor: bool = False

    def windows(self, sizes: Ints) -> Ints:
        """Return the number of windows along each axis (PoolingLayer::Reshape, pooling_layer.cpp).

        It is rounded up, or down with `floor`. If any pad is set, a last window that would start after the image and
        the pad before it is dropped.
        """
        counts = []
        for size, kernel, stride, pad in zip(sizes, self.kernel, self.stride, self.pad, strict=True):
            span = size + 2 * pad - kernel
            count = span // stride + 1 if self.floor else -(-span // stride) + 1
            counts.append(count - 1 if any(self.pad) and (count - 1) * stride >= size + pad else count)
        return tuple(counts)


def pool(layer: LayerReader, net: CaffeReader, x: Value, how: Pool, part: str = "") -> Value:
    """Return the pooling of x, with ceil_mode or pads at the end only if the number of windows needs them."""
    if how.method == "STOCHASTIC":
        layer.refuse("STOCHASTIC pooling draws at random")
    sizes = x.shape[2:]
    if min((*how.kernel, *how.stride)) < 1 or any(p and p >= k for p, k in zip(how.pad, how.kernel, strict=True)):
        layer.invalid(f"kernel {how.kernel}, stride {how.stride}, pad {how.pad}")
    counts = how.windows(sizes)
    if min(counts) < 1:
        layer.invalid(f"a window of {how.kernel} does not fit shape {x.shape}")
    ends, ceil_mode = how.pad, _ceil_mode(how, sizes, counts)
    if ceil_mode is None:
        if how.method == "AVE":
            layer.refuse("the last window lies wholly behind the image: Caffe divides by zero or less there")
        ceil_mode = 0
        ends = tuple(
            (count - 1) * stride + kernel - size - pad
            for count, stride, kernel, size, pad in zip(counts, how.stride, how.kernel, sizes, how.pad, strict=True)
        )
    shared: dict[str, Any] = {
        "kernel_shape": how.kernel,
        "strides": how.stride,
        "pads": how.pad + ends,
        "ceil_mode": ceil_mode,
    }
    if how.method == "MAX":
        return net.add(MaxPool(dilations=(1,) * len(sizes), **shared), x, part=part)
    # Caffe divides by the number of places of the window in image and pads, not beyond them.
    return net.add(AveragePool(count_include_pad=int(any(how.pad)), **shared), x, part=part)


def _ceil_mode(how: Pool, sizes: Ints, counts: Ints) -> int | None:
    """Return the ceil_mode with which ONNX has these numbers of windows; None if there is none."""
    geometry = list(zip(sizes, how.kernel, how.stride, how.pad, how.pad, strict=True))
    for ceil_mode in (0, 1):
        try:
            if tuple(pooled_size(*axis, ceil_mode=ceil_mode) for axis in geometry) == counts:
                return ceil_mode
        except ShapeError:  # there is no window
            continue
    return None


@reads("Pooling")
def pooling(layer: LayerReader, net: CaffeReader) -> None:
    """Maximum or average over windows of height and width (pooling_layer.cpp).

    Over three axes alike in 3D-Caffe (faustomilletari/3D-Caffe, pooling_layer.cpp); the release takes no such blob.
    """
    fields, x = layer.param("pooling_param"), layer.bottom
    if x.rank not in (4, 5):
        layer.invalid(f"Caffe pools blobs of 4 axes, not of shape {x.shape}")
    method = fields.word("pool")
    axes = x.rank - 2
    stride = _extents(layer, fields, "stride", 1, axes)
    pad = _extents(layer, fields, "pad", 0, axes)
    down = fields.word("round_mode") == "FLOOR", fields.flag("torch_pooling"), not fields.flag("ceil_mode")
    if not fields.flag("global_pooling"):
        kernel = _extents(layer, fields, "kernel_size", 0, axes)
        _give_with_mask(layer, net, Pool(method, kernel, stride, pad, any(down)))
        return
    if len(layer.tops) > 1:
        layer.refuse("the second top, where each maximum stands, of a global pooling")
    sized = [fields.has(name) for name in ("kernel_size", "kernel_h", "kernel_w")]
    if any(sized) or {*stride} != {1} or any(pad):
        layer.invalid("with global_pooling, kernel, stride and pad must be left out")
    if method == "STOCHASTIC":
        layer.refuse("STOCHASTIC pooling draws at random")
    net.give(layer, net.add("GlobalMaxPool" if method == "MAX" else "GlobalAveragePool", x))


def _give_with_mask(layer: LayerReader, net: CaffeReader, how: Pool) -> None:
    """End the layer with the pooled blob and, as a second top, the positions of its maxima."""
    x = layer.bottom
    y = pool(layer, net, x, how)
    if len(layer.tops) == 1:
        net.give(layer, y)
        return
    if how.method != "MAX" or how.kernel != how.stride or any(how.pad) or x.rank != 4:
        layer.refuse("the second top, where each maximum stands, of windows that do not lie side by side")
    net.give(layer, y, mask(layer, net, x, how.kernel, y.shape[2:]))


def _extents(layer: LayerReader, fields: Fields, name: str, default: int, axes: int) -> Ints:
    """Return a number for each axis: one for all, or one each for height and width."""
    axis = name.removesuffix("_size")
    both, height, width = (fields.has(each) for each in (name, f"{axis}_h", f"{axis}_w"))
    if height != width or (both and height) or (height and axes != 2):
        layer.invalid(f"it needs {name}, or {axis}_h and {axis}_w")
    if height:
        return fields.int(f"{axis}_h"), fields.int(f"{axis}_w")
    one = fields.int(name) if both else default
    return (one,) * axes


@reads("Pooling3D")
def pooling_3d(layer: LayerReader, net: CaffeReader) -> None:
    """C3D's pooling over time, height and width, rounded as in Pooling."""
    fields, x = layer.param("pooling3d_param"), layer.bottom
    if x.rank != 5:
        layer.invalid(f"it needs 5 axes, not shape {x.shape}")
    size, stride, pad = (fields.int(name) for name in ("kernel_size", "stride", "pad"))
    how = Pool(
        fields.word("pool"),
        (fields.int("kernel_depth"), size, size),
        (fields.int("temporal_stride"), stride, stride),
        (fields.int("temporal_pad"), pad, pad),
    )
    net.give(layer, pool(layer, net, x, how))


@reads("SPP")
def spatial_pyramid(layer: LayerReader, net: CaffeReader) -> None:
    """Pooling into 1x1, 2x2, 4x4 ... bins, all side by side as channels (spp_layer.cpp)."""
    fields, x = layer.param("spp_param"), layer.bottom
    height, method = fields.int("pyramid_height"), fields.word("pool")
    if x.rank != 4 or height < 1:
        layer.invalid(f"{height} levels over shape {x.shape}")
    levels = []
    for level in range(height):
        bins = 2**level
        kernel = tuple(-(-size // bins) for size in x.shape[2:])
        pad = tuple((k * bins - size + 1) // 2 for k, size in zip(kernel, x.shape[2:], strict=True))
        pooled = pool(layer, net, x, Pool(method, kernel, kernel, pad), part=f"pool{level}")
        levels.append(pooled)
    if height == 1:  # Caffe leaves a single level as it is
        net.give(layer, levels[0])
        return
    rows = [net.add(Flatten(axis=1), level, part="flat") for level in levels]
    net.give(layer, net.add(Concat(axis=1), *rows))


@reads("ROIPooling")
def roi_pooling(layer: LayerReader, net: CaffeReader) -> None:
    """Fast R-CNN's maximum over a grid on each region (batch index, x1, y1, x2, y2)."""
    fields = layer.param("roi_pooling_param")
    x, rois = layer.take(2)
    grid = fields.int("pooled_h"), fields.int("pooled_w")
    if min(grid) < 1 or x.rank != 4:
        layer.invalid(f"a grid of {grid} on shape {x.shape}")
    if rois.rank != 2:
        rois = net.add(Reshape(shape=(0, -1)), rois, part="rois")
    scale = fields.float("spatial_scale")
    net.give(layer, net.add(MaxRoiPool(pooled_shape=grid, spatial_scale=scale), x, rois))
