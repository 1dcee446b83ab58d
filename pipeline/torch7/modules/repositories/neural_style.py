"""Style transfer: losses that stand in the network and give on what they take, and what styles are made of.

Read: jcjohnson/neural-style (neural_style.lua); jcjohnson/fast-neural-style (fast_neural_style/*.lua);
DmitryUlyanov/texture_nets (src/*.lua); zhanghang1989/MSG-Net (modules/*.lua); xunhuang1995/AdaIN-style (lib/*.lua);
junyanz/CycleGAN (util/VGG_preprocess.lua); luanfujun/deep-photo-styletransfer (*_seg.lua); chuanli11/MGANs
(code/lib/tv2.lua) and CNNMRF (mylib/mrf.lua).
"""

from __future__ import annotations

import numpy as np

from pipeline.graph.operators import Conv, InstanceNormalization, ReduceMean, Transpose
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.arithmetic import identity
from pipeline.torch7.modules.table import alike_pair

module(
    "nn.Calibrate",
    "nn.ContentLoss",
    "nn.ContentLossModule",
    "nn.DeepDreamLoss",
    "nn.DummyGradOutput",
    "nn.StyleINLossModule",
    "nn.StyleLoss",
    "nn.StyleLossWithSeg",
    "nn.TVLoss",
    "nn.TVLoss2",
    "nn.TVLossModule",
    "nn.TextureLoss",
)(identity)


@module("nn.MRFMM")
def markov_loss(m: Module, x: Value, net: Lowering) -> Value:
    """A copy of the input (CNNMRF)."""
    return net.copy(x)


@module("nn.GramMatrix")
def gram_matrix(m: Module, x: Value, net: Lowering) -> Value:
    """The products of all pairs of channels over the pixels, with `normalize` over C H W (neural-style)."""
    if x.rank not in (3, 4):
        net.misfit("a tensor of 3 or 4 dimensions", x)
    rows = net.reshape(x, (*x.shape[:-2], -1), part="rows")
    perm = (*range(rows.rank - 2), rows.rank - 1, rows.rank - 2)
    columns = net.add(Transpose(perm=perm), rows, part="columns")
    if not m.flag("normalize"):
        return net.add("MatMul", rows, columns)
    count = rows.shape[-2] * rows.shape[-1]
    return net.add("Div", net.add("MatMul", rows, columns, part="products"), net.constant(float(count), "count"))


@module("nn.AdaptiveInstanceNormalization")
def adaptive_normalization(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Each channel of the content with mean 0 and deviation 1, times the style's deviation, plus its mean (AdaIN)."""
    content, style = alike_pair(x[:2], net)
    if m.flag("disabled"):
        return content
    if content.rank != style.rank or content.rank not in (3, 4) or content.shape[:-2] != style.shape[:-2]:
        net.misfit("content and style of as many images and channels", x)
    axes = (style.rank - 2, style.rank - 1)
    mean = net.add(ReduceMean(axes=axes, keepdims=1), style, part="mean")
    centred = net.add("Sub", style, mean, part="centred")
    squares = net.add("Mul", centred, centred, part="squares")
    deviation = net.add("Sqrt", net.add(ReduceMean(axes=axes, keepdims=1), squares, part="variance"), part="deviation")
    operator = InstanceNormalization(epsilon=m.float("eps", 1e-5))
    with net.inside("content"):
        even = net.batched(content, 4, lambda batch: net.add(operator, batch, None, None))
    return net.add("Add", net.add("Mul", even, deviation, part="scaled"), mean)


@module("nn.Inspiration", rank=4)
def inspiration(m: Module, x: Value, net: Lowering) -> Value:
    """The channels of every pixel times (Weight target)', where target is the style's Gram matrix (MSG-Net)."""
    weight = (m.weight("Weight").astype(np.float64) @ m.weight("target")).T.astype(np.float32)
    one = Conv(kernel_shape=(1, 1), strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1))
    return net.add(one, x, net.weight(weight.reshape(*weight.shape, 1, 1)), None)


@module("nn.VGG_postprocess", rank=4, unbatched="refused")
def vgg_postprocess(m: Module, x: Value, net: Lowering) -> Value:
    """127.5 (x + 1) minus VGG's mean of each channel, in the memory of x (CycleGAN)."""
    mean = np.array([103.939, 116.779, 123.68], np.float32).reshape(1, 3, 1, 1)
    pixels = net.add("Add", x, net.constant(1.0, "one"), part="shifted")
    pixels = net.add("Mul", pixels, net.constant(127.5, "half"), part="pixels")
    return net.overwrite(x, net.add("Sub", pixels, net.weight(mean, "mean")))


def without_noise(m: Module) -> bool:
    """Return whether a module fills no channel with noise."""
    return m.int("num_noise_channels", 1) == 0


@module("nn.NoiseFill", where=without_noise)
def noise_fill(m: Module, x: Value, net: Lowering) -> Value:
    """A copy of the input, where no channel of it is noise (texture_nets)."""
    return net.copy(x)
