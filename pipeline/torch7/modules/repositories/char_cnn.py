"""lstm-char-cnn (yoonkim/lstm-char-cnn) and HieCoAttenVQA (jiasenlu/HieCoAttenVQA).

Read: util/{Diag,OuterProd,TensorProd}.lua; misc/maskSoftmax.lua. OneHot and LookupTableMaskZero are in `lookup`.
"""

from __future__ import annotations

from pipeline.graph.operators import Softmax
from pipeline.graph.values import Value
from pipeline.torch7.lowering import Lowering
from pipeline.torch7.module import Module, TorchValue, module
from pipeline.torch7.modules.arithmetic import cmul
from pipeline.torch7.modules.product import bilinear
from pipeline.torch7.modules.table import alike_pair

module("nn.Diag")(cmul)
module("nn.TensorProd")(bilinear)


@module("nn.OuterProd")
def outer_product(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """a b' of two vectors, or of each row of two matrices."""
    a, b = alike_pair(x, net)
    if a.rank != b.rank or a.rank not in (1, 2) or a.shape[:-1] != b.shape[:-1]:
        net.misfit("two vectors, or two matrices of as many rows", x)
    column = net.reshape(a, (*a.shape, 1), part="column")
    return net.add("MatMul", column, net.reshape(b, (*b.shape[:-1], 1, b.shape[-1]), part="row"))


@module("nn.maskSoftMax")
def masked_softmax(m: Module, x: tuple[TorchValue, ...], net: Lowering) -> Value:
    """The softmax of rows in which -9999999 is written where the mask is not 0: {rows, mask}."""
    rows, mask = alike_pair(x[:2], net)
    if rows.rank != 2 or mask.shape != rows.shape:
        net.misfit("rows, and a mask of their shape", x)
    hidden = net.add("Greater", mask, net.constant(0.0, "none"), part="hidden")
    filled = net.add("Where", hidden, net.constant(-9999999.0, "low"), rows, part="filled")
    return net.add(Softmax(axis=1), net.overwrite(rows, filled))
