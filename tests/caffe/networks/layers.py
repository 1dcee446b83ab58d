"""Writes networks layer by layer, as prototxt, with random weights and the shapes that the layers will have."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from google.protobuf import text_format

from pipeline.caffe.files import CaffeNet
from pipeline.caffe.schema import NetParameter

Shape = tuple[int, ...]


class Layers:
    """A network that grows; blobs are named by the layer that makes them. `width` scales every `wide` number."""

    def __init__(self, name: str, image: int, channels: int = 3, width: float = 1.0, batch: int = 1) -> None:
        self.width = width
        self.random = np.random.default_rng(len(name))
        self.text = [f'name: "{name}"']
        self.blobs: dict[str, tuple[np.ndarray, ...]] = {}
        self.shapes: dict[str, Shape] = {}
        shape = (batch, channels, image, image)
        dims = " ".join(f"dim: {size}" for size in shape)
        self.data = self.layer("Input", "data", [], shape, f"input_param {{ shape {{ {dims} }} }}")

    def wide(self, channels: int) -> int:
        """Scale a number of channels; it stays even, for two groups."""
        return max(2, round(channels * self.width / 2) * 2)

    def layer(
        self, kind: str, name: str, bottoms: Sequence[str], shape: Shape, param: str = "", blobs: Sequence = (), top=""
    ) -> str:
        """Add any layer; it is in place where `top` is its bottom."""
        wires = "".join(f' bottom: "{bottom}"' for bottom in bottoms) + f' top: "{top or name}"'
        self.text.append(f'layer {{ name: "{name}" type: "{kind}"{wires} {param} }}')
        if len(blobs):
            self.blobs[name] = tuple(np.asarray(blob, np.float32) for blob in blobs)
        self.shapes[top or name] = shape
        return top or name

    def finish(self) -> CaffeNet:
        """Return the network."""
        return CaffeNet(text_format.Parse("\n".join(self.text), NetParameter()), self.blobs)

    def weights(self, *shape: int, fan: int) -> np.ndarray:
        """Draw weights that keep the numbers' size from layer to layer."""
        return self.random.normal(0, (2 / fan) ** 0.5, shape)

    def some(self, count: int) -> np.ndarray:
        """Draw a small number for each channel."""
        return self.random.normal(0, 0.1, count)

    # ---- Layers with weights ----

    def conv(self, name, x, out, kernel, *, stride=1, pad=0, group=1, dilation=1, bias=True, gain=1.0) -> str:
        n, channels, *sizes = self.shapes[x]
        window = (kernel - 1) * dilation + 1
        shape = (n, out, *((size + 2 * pad - window) // stride + 1 for size in sizes))
        weights = gain * self.weights(out, channels // group, kernel, kernel, fan=channels // group * kernel**2)
        param = (
            f"convolution_param {{ num_output: {out} kernel_size: {kernel} stride: {stride} pad: {pad} "
            f"group: {group} dilation: {dilation} bias_term: {str(bias).lower()} }}"
        )
        return self.layer("Convolution", name, [x], shape, param, [weights, *[self.some(out)] * bias])

    def deconv(self, name, x, out, kernel, stride, *, bias=False) -> str:
        n, channels, *sizes = self.shapes[x]
        shape = (n, out, *((size - 1) * stride + kernel for size in sizes))
        weights = self.weights(channels, out, kernel, kernel, fan=channels * (kernel / stride) ** 2)
        param = (
            f"convolution_param {{ num_output: {out} kernel_size: {kernel} stride: {stride} "
            f"bias_term: {str(bias).lower()} }}"
        )
        return self.layer("Deconvolution", name, [x], shape, param, [weights, *[self.some(out)] * bias])

    def ip(self, name, x, out) -> str:
        n, *rest = self.shapes[x]
        blobs = [self.weights(out, prod(rest), fan=prod(rest)), self.some(out)]
        return self.layer("InnerProduct", name, [x], (n, out), f"inner_product_param {{ num_output: {out} }}", blobs)

    def batch_norm(self, name, x, *, scale="", top="", gain=1.0) -> str:
        """Add BatchNorm, and in place of its top the Scale behind it; both in place unless there is a `top`."""
        channels = self.shapes[x][1]
        factor = 2.0
        blobs = [self.some(channels) * factor, self.random.uniform(0.5, 1.5, channels) * factor, [factor]]
        y = self.layer("BatchNorm", name, [x], self.shapes[x], "batch_norm_param { eps: 1e-5 }", blobs, top or x)
        affine = [gain * self.random.uniform(0.5, 1.0, channels), self.some(channels)]
        param = "scale_param { bias_term: true }"
        return self.layer("Scale", scale or f"{name}/scale", [y], self.shapes[y], param, affine, y)

    def normalize(self, name, x) -> str:
        channels = self.shapes[x][1]
        param = "norm_param { across_spatial: false channel_shared: false }"
        return self.layer("Normalize", name, [x], self.shapes[x], param, [self.random.uniform(1, 20, channels)])

    # ---- Layers without ----

    def relu(self, x, name="") -> str:
        return self.layer("ReLU", name or f"{x}/relu", [x], self.shapes[x], top=x)

    def dropout(self, x, name="") -> str:
        return self.layer("Dropout", name or f"{x}/drop", [x], self.shapes[x], top=x)

    def lrn(self, name, x) -> str:
        return self.layer("LRN", name, [x], self.shapes[x], "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")

    def softmax(self, name, x, axis=1) -> str:
        return self.layer("Softmax", name, [x], self.shapes[x], f"softmax_param {{ axis: {axis} }}")

    def pool(self, name, x, kernel, stride, *, pad=0, method="MAX") -> str:
        n, channels, *sizes = self.shapes[x]
        counts = [-(-(size + 2 * pad - kernel) // stride) + 1 for size in sizes]
        if pad:
            counts = [c - ((c - 1) * stride >= size + pad) for c, size in zip(counts, sizes, strict=True)]
        param = f"pooling_param {{ pool: {method} kernel_size: {kernel} stride: {stride} pad: {pad} }}"
        return self.layer("Pooling", name, [x], (n, channels, *counts), param)

    def global_average(self, name, x) -> str:
        param = "pooling_param { pool: AVE global_pooling: true }"
        return self.layer("Pooling", name, [x], (*self.shapes[x][:2], 1, 1), param)

    def concat(self, name, *parts, axis=1) -> str:
        first = self.shapes[parts[0]]
        total = sum(self.shapes[part][axis] for part in parts)
        shape = (*first[:axis], total, *first[axis + 1 :])
        return self.layer("Concat", name, parts, shape, f"concat_param {{ axis: {axis} }}")

    def add(self, name, *parts) -> str:
        return self.layer("Eltwise", name, parts, self.shapes[parts[0]], "eltwise_param { operation: SUM }")

    def crop(self, name, x, like, offset) -> str:
        shape = (*self.shapes[x][:2], *self.shapes[like][2:])
        return self.layer("Crop", name, [x, like], shape, f"crop_param {{ axis: 2 offset: {offset} }}")

    def permute(self, name, x, *order) -> str:
        shape = tuple(self.shapes[x][axis] for axis in order)
        words = " ".join(f"order: {axis}" for axis in order)
        return self.layer("Permute", name, [x], shape, f"permute_param {{ {words} }}")

    def flatten(self, name, x) -> str:
        n, *rest = self.shapes[x]
        return self.layer("Flatten", name, [x], (n, prod(rest)), "flatten_param { axis: 1 }")

    def reshape(self, name, x, *shape) -> str:
        dims = " ".join(f"dim: {size}" for size in shape)
        n, *rest = self.shapes[x]
        last = shape[-1]
        return self.layer(
            "Reshape", name, [x], (n, prod(rest) // last, last), f"reshape_param {{ shape {{ {dims} }} }}"
        )
