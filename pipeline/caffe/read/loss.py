"""SoftmaxWithLoss and Accuracy, for networks that keep them; a deployed network has none of these."""

from __future__ import annotations

from math import prod

import numpy as np

from pipeline.caffe.read.layer import Fields, LayerReader
from pipeline.caffe.read.reader import CaffeReader, reads
from pipeline.graph.operators import Cast, OneHot, ReduceMean, ReduceSum, Softmax, Transpose, Unsqueeze
from pipeline.graph.values import Value

SMALLEST = float(np.finfo(np.float32).tiny)  # the least probability


@reads("SoftmaxWithLoss")
def softmax_with_loss(layer: LayerReader, net: CaffeReader) -> None:
    """The mean of -log(probability of the label); a second top is the Softmax (softmax_loss_layer.cpp)."""
    fields = layer.param("loss_param")
    x, label = layer.take(2)
    if not layer.tops:  # Caffe makes a top
        layer.tops = (f"{layer.name}_loss" if layer.name in net.blobs else layer.name,)
    axis = layer.axis(layer.param("softmax_param").int("axis"), x.rank)
    softmax = net.add(Softmax(axis=axis), x, part="softmax")
    rows, indices = _aligned(layer, net, softmax, label, axis)
    probability = _at(net, rows, indices)
    bounded = net.add("Max", probability, net.constant(SMALLEST, "tiny"), part="bounded")
    surprise = net.add("Neg", net.add("Log", bounded, part="log"), part="surprise")
    valid = _valid(net, fields, indices)
    if valid is not None:
        surprise = net.add("Mul", surprise, valid, part="counted")
    mode = fields.word("normalization")
    if fields.has("normalize") and not fields.has("normalization"):
        mode = "VALID" if fields.flag("normalize") else "BATCH_SIZE"
    loss = _normalised(net, surprise, valid, mode, prod(x.shape[axis + 1 :]))
    net.give(layer, *(loss, softmax)[: len(layer.tops)])


@reads("Accuracy")
def accuracy(layer: LayerReader, net: CaffeReader) -> None:
    """The share of labels among the top_k predictions; 0 where none counts, as in master (accuracy_layer.cpp)."""
    fields = layer.param("accuracy_param")
    x, label = layer.take(2)
    if len(layer.tops) > 1:
        layer.refuse("the second top, the accuracy of each class, has no counterpart")
    axis = layer.axis(fields.int("axis"), x.rank)
    rows, indices = _aligned(layer, net, x, label, axis)
    own = net.add(Unsqueeze(axes=(rows.rank - 1,)), _at(net, rows, indices), part="own_column")
    as_good = net.add(Cast(to="float32"), net.add("GreaterOrEqual", rows, own, part="as_good"), part="ones")
    rank = net.add(ReduceSum(axes=(rows.rank - 1,), keepdims=0), as_good, part="rank")
    among = net.add("GreaterOrEqual", net.constant(float(fields.int("top_k")), "k"), rank, part="among")
    right = net.add(Cast(to="float32"), among, part="right")
    valid = _valid(net, fields, indices)
    if valid is not None:
        right = net.add("Mul", right, valid, part="counted")
    net.give(layer, _normalised(net, right, valid, "VALID", 1))


def _aligned(layer: LayerReader, net: CaffeReader, x: Value, label: Value, axis: int) -> tuple[Value, Value]:
    """Return x with the classes last, and the labels as indices in the shape of the other axes."""
    others = tuple(i for i in range(x.rank) if i != axis)
    shape = tuple(x.shape[i] for i in others)
    if label.size != prod(shape):
        layer.invalid(f"{label.size} labels for predictions of shape {x.shape}")
    last = axis == x.rank - 1
    rows = x if last else net.add(Transpose(perm=(*others, axis)), x, part="rows")
    return rows, net.add(Cast(to="int64"), net.reshape(label, shape, part="labels"), part="indices")


def _at(net: CaffeReader, rows: Value, indices: Value) -> Value:
    """Return the number in each row at the index for this row."""
    chosen = net.add("Mul", rows, net.add(OneHot(depth=rows.shape[-1]), indices, part="one_hot"), part="chosen")
    return net.add(ReduceSum(axes=(rows.rank - 1,), keepdims=0), chosen, part="own")


def _valid(net: CaffeReader, fields: Fields, indices: Value) -> Value | None:
    """Return 1 for each label that counts, 0 for one to ignore; None if all count."""
    if not fields.has("ignore_label"):
        return None
    ignored = net.weight(np.array(fields.int("ignore_label"), np.int64), "ignored")
    counts = net.add("Not", net.add("Equal", indices, ignored, part="is_ignored"), part="is_valid")
    return net.add(Cast(to="float32"), counts, part="valid")


def _normalised(net: CaffeReader, terms: Value, valid: Value | None, mode: str, inner: int) -> Value:
    """Return the sum of terms divided by the number of all, of valid ones, or of images, or 1 (GetNormalizer)."""
    axes = tuple(range(terms.rank))
    if mode == "VALID" and valid is not None:
        count = net.add(ReduceSum(axes=axes, keepdims=0), valid, part="count")
        total = net.add(ReduceSum(axes=axes, keepdims=0), terms, part="total")
        return net.add("Div", total, net.add("Max", count, net.constant(1.0, "one"), part="at_least_one"))
    if mode == "NONE":
        return net.add(ReduceSum(axes=axes, keepdims=0), terms)
    mean = net.add(ReduceMean(axes=axes, keepdims=0), terms, part="mean")
    return mean if mode != "BATCH_SIZE" or inner == 1 else net.add("Mul", mean, net.constant(float(inner), "inner"))
