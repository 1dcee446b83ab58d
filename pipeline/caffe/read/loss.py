"""SoftmaxWithLoss and Accuracy, for networks that keep them; a deployed network has none of these."""

from __future__ import annotations

from math import prod

import numpy as np

from pipeline.caffe.read.layer import Fields, Layer
from pipeline.caffe.read.reader import CaffeReader, reads
from pipeline.graph.values import Value

# Layers that are left out, unless losses are kept: they compare with labels, or write files.
LEFT_OUT = frozenset(
    {
        "Accuracy",
        "ContrastiveLoss",
        "EuclideanLoss",
        "HDF5Output",
        "HingeLoss",
        "InfogainLoss",
        "MultiBoxLoss",
        "MultinomialLogisticLoss",
        "SigmoidCrossEntropyLoss",
        "SmoothL1Loss",
        "SoftmaxWithLoss",
        "TripletLoss",
    }
)
SMALLEST = float(np.finfo(np.float32).tiny)  # a probability is taken to be at least this


@reads("SoftmaxWithLoss")
def softmax_with_loss(layer: Layer, net: CaffeReader) -> None:
    """The mean of -log(probability of the label); a second top is the Softmax (softmax_loss_layer.cpp)."""
    fields = layer.param("loss_param")
    x, label = layer.take(2)
    if not layer.tops:  # Caffe makes one
        layer.tops = (f"{layer.name}_loss" if layer.name in net.blobs else layer.name,)
    axis = layer.axis(layer.param("softmax_param").int("axis"), x.rank)
    softmax = net.add("Softmax", x, part="softmax", axis=axis)
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
def accuracy(layer: Layer, net: CaffeReader) -> None:
    """The share of labels among the top_k predictions; 0 where none counts, as in master (accuracy_layer.cpp)."""
    fields = layer.param("accuracy_param")
    x, label = layer.take(2)
    if len(layer.tops) > 1:
        layer.refuse("the second top, the accuracy of each class, has no counterpart")
    axis = layer.axis(fields.int("axis"), x.rank)
    rows, indices = _aligned(layer, net, x, label, axis)
    own = net.add("Unsqueeze", _at(net, rows, indices), part="own_column", axes=(rows.rank - 1,))
    as_good = net.add("Cast", net.add("GreaterOrEqual", rows, own, part="as_good"), part="ones", to="float32")
    rank = net.add("ReduceSum", as_good, part="rank", axes=(rows.rank - 1,), keepdims=0)
    among = net.add("GreaterOrEqual", net.constant(float(fields.int("top_k")), "k"), rank, part="among")
    right = net.add("Cast", among, part="right", to="float32")
    valid = _valid(net, fields, indices)
    if valid is not None:
        right = net.add("Mul", right, valid, part="counted")
    net.give(layer, _normalised(net, right, valid, "VALID", 1))


def _aligned(layer: Layer, net: CaffeReader, x: Value, label: Value, axis: int) -> tuple[Value, Value]:
    """Give x with the classes last, and the labels as indices in the shape of the other axes."""
    others = tuple(i for i in range(x.rank) if i != axis)
    shape = tuple(x.shape[i] for i in others)
    if label.size != prod(shape):
        layer.invalid(f"{label.size} labels for predictions of shape {x.shape}")
    last = axis == x.rank - 1
    rows = x if last else net.add("Transpose", x, part="rows", perm=(*others, axis))
    return rows, net.add("Cast", net.reshape(label, shape, part="labels"), part="indices", to="int64")


def _at(net: CaffeReader, rows: Value, indices: Value) -> Value:
    """Give the number in each row that its index names."""
    chosen = net.add("Mul", rows, net.add("OneHot", indices, part="one_hot", depth=rows.shape[-1]), part="chosen")
    return net.add("ReduceSum", chosen, part="own", axes=(rows.rank - 1,), keepdims=0)


def _valid(net: CaffeReader, fields: Fields, indices: Value) -> Value | None:
    """Give 1 for each label that counts, 0 for one to ignore; None where all count."""
    if not fields.has("ignore_label"):
        return None
    ignored = net.weight(np.array(fields.int("ignore_label"), np.int64), "ignored")
    counts = net.add("Not", net.add("Equal", indices, ignored, part="is_ignored"), part="is_valid")
    return net.add("Cast", counts, part="valid", to="float32")


def _normalised(net: CaffeReader, terms: Value, valid: Value | None, mode: str, inner: int) -> Value:
    """Sum the terms and divide by all, by the valid ones, by the batch or by 1 (LossLayer::GetNormalizer)."""
    axes = tuple(range(terms.rank))
    if mode == "VALID" and valid is not None:
        count = net.add("ReduceSum", valid, part="count", axes=axes, keepdims=0)
        total = net.add("ReduceSum", terms, part="total", axes=axes, keepdims=0)
        return net.add("Div", total, net.add("Max", count, net.constant(1.0, "one"), part="at_least_one"))
    if mode == "NONE":
        return net.add("ReduceSum", terms, axes=axes, keepdims=0)
    mean = net.add("ReduceMean", terms, part="mean", axes=axes, keepdims=0)
    return mean if mode != "BATCH_SIZE" or inner == 1 else net.add("Mul", mean, net.constant(float(inner), "inner"))
