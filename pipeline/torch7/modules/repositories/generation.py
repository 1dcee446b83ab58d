"""Dense and generative networks, and trees (facebook/eyescream, liuzhuang13/DenseNet, stanfordnlp/treelstm).

Read: {cifar,lsun}/layers/SpatialConvolutionUpsample.lua; models/DenseConnectLayer.lua; layers/CRowAddTable.lua.
"""

from __future__ import annotations

from pipeline.graph.operators import Concat
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.convolution import spatial_convolution
from pipeline.torch7.modules.table import alike_pair


@module("nn.SpatialConvolutionUpsample", "cudnn.SpatialConvolutionUpsample", rank=4)
def convolution_upsample(m: Module, x: Value, net: Lowering) -> Value:
    """A convolution whose planes are seen as `factor` times as many rows and columns, in memory's order (eyescream)."""
    factor, (batch, _, height, width) = m.int("factor"), x.shape
    with net.inside("convolution"):
        y = net.tensor(spatial_convolution(m, x, net))
    shape = (batch, m.int("nOutputPlaneU"), height * factor, width * factor)
    if factor < 1 or y.size != shape[0] * shape[1] * shape[2] * shape[3]:
        net.damaged(f"planes that give {'x'.join(map(str, shape))}", "x".join(map(str, y.shape)))
    return net.reshape(y, shape)


@module("nn.DenseConnectLayerCustom")
def dense_connect_layer(m: Module, x: TorchValue, net: Lowering) -> TorchValue:
    """The items given, and behind them what two networks make of all, joined along the channels (DenseNet)."""
    items = x if isinstance(x, tuple) else (x,)
    tensors = net.tensors(items)
    y: TorchValue = net.add(Concat(axis=1), *tensors, part="joined") if isinstance(x, tuple) else x
    for child in m.children():
        y = net.run(child, y)
    return (*items, y)


@module("treelstm.CRowAddTable")
def add_to_rows(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """Add the second tensor to every slice of the first (treelstm)."""
    first, second = alike_pair(x[:2], net)
    if second.size * first.shape[0] != first.size:
        net.misfit("a tensor, and one that fits each of its slices", x)
    return net.add("Add", first, net.reshape(second, first.shape[1:], part="row"))
