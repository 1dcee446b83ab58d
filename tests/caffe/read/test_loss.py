"""Losses that are kept, against a loop over the labels."""

import numpy as np
import pytest

from pipeline.caffe.read import read
from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.graph.evaluation import run
from tests.caffe.read.nets import inputs, net
from tests.support import numbers

SHAPES = {  # x, axis, label
    "rows": ((6, 4), 1, (6,)),
    "column of labels": ((6, 4), 1, (6, 1)),
    "images": ((2, 4, 3, 5), 1, (2, 1, 3, 5)),
    "last axis": ((2, 3, 4), -1, (2, 3)),
}


def kept(kind, shape, labels, param, tops=("y",)):
    wires = "".join(f' top: "{top}"' for top in tops)
    text = (
        inputs(x=shape, label=labels)
        + f'layer {{ name: "y" type: "{kind}" bottom: "x" bottom: "label" {wires} {param} }}'
    )
    return read(net(text), keep_loss=True)


def rows_and_labels(where):
    shape, axis, labels = SHAPES[where]
    x = 2 * numbers(*shape)
    label = np.random.default_rng(1).integers(0, 4, labels).astype(np.float32)
    return x, label, np.moveaxis(x, axis, -1).reshape(-1, 4), label.reshape(-1).astype(int), shape[: axis % len(shape)]


@pytest.mark.parametrize("where", SHAPES)
@pytest.mark.parametrize("ignored", [None, 2])
@pytest.mark.parametrize("mode", ["", "FULL", "VALID", "BATCH_SIZE", "NONE", "normalize: true", "normalize: false"])
def test_the_surprise_at_the_labels_is_averaged(where, ignored, mode):
    x, label, rows, labels, outer = rows_and_labels(where)
    fields = mode if " " in mode else f"normalization: {mode}" if mode else ""
    fields += f" ignore_label: {ignored}" if ignored is not None else ""
    param = f"loss_param {{ {fields} }} softmax_param {{ axis: {SHAPES[where][1]} }}"
    graph = kept("SoftmaxWithLoss", x.shape, label.shape, param)
    probabilities = np.exp(rows) / np.exp(rows).sum(1, keepdims=True)
    terms = [-np.log(p[k]) for p, k in zip(probabilities, labels, strict=True) if k != ignored]
    divisor = {
        "FULL": len(rows), "BATCH_SIZE": np.prod(outer), "normalize: false": np.prod(outer), "NONE": 1
    }.get(mode, len(terms))  # fmt: skip
    (loss,) = run(graph, [x, label])
    assert loss.shape == ()
    np.testing.assert_allclose(loss, sum(terms) / divisor, rtol=1e-4)


def test_no_label_that_counts_gives_no_loss():
    graph = kept("SoftmaxWithLoss", (2, 4), (2,), "loss_param { ignore_label: 1 }")
    assert run(graph, [numbers(2, 4), np.ones(2, np.float32)])[0] == 0


def test_a_label_that_the_network_excludes_is_as_surprising_as_can_be():
    graph = kept("SoftmaxWithLoss", (1, 2), (1,), "")
    (loss,) = run(graph, [np.array([[1000, 0]], np.float32), np.ones(1, np.float32)])
    np.testing.assert_allclose(loss, -np.log(np.finfo(np.float32).tiny), rtol=1e-5)


def test_the_second_top_of_a_loss_is_the_softmax_and_a_loss_without_tops_gets_one():
    x = numbers(2, 4)
    graph = kept("SoftmaxWithLoss", (2, 4), (2,), "", tops=("y", "z"))
    _, softmax = run(graph, [x, np.zeros(2, np.float32)])
    np.testing.assert_allclose(softmax, np.exp(x) / np.exp(x).sum(1, keepdims=True), rtol=1e-5)
    assert [value.name for value in kept("SoftmaxWithLoss", (2, 4), (2,), "", tops=()).outputs] == ["y"]


@pytest.mark.parametrize("where", SHAPES)
@pytest.mark.parametrize("ignored", [None, 2])
@pytest.mark.parametrize("count", [1, 2])
def test_labels_among_the_best_predictions_are_counted(where, ignored, count):
    x, label, rows, labels, _ = rows_and_labels(where)
    fields = f"top_k: {count} axis: {SHAPES[where][1]}" + (f" ignore_label: {ignored}" if ignored is not None else "")
    graph = kept("Accuracy", x.shape, label.shape, f"accuracy_param {{ {fields} }}")
    right = [k in np.argsort(row)[-count:] for row, k in zip(rows, labels, strict=True) if k != ignored]
    np.testing.assert_allclose(run(graph, [x, label])[0], np.mean(right), rtol=1e-6)


def test_labels_of_another_number_are_an_error_of_the_file():
    with pytest.raises(InvalidInputError) as error:
        kept("SoftmaxWithLoss", (2, 4), (3,), "")
    assert error.value.why == "3 labels for predictions of shape (2, 4)"


def test_losses_without_a_counterpart_are_refused_where_they_are_to_stay():
    with pytest.raises(UnsupportedError) as error:
        kept("HingeLoss", (2, 4), (2,), "")
    assert error.value.problems[0].origin == "y (HingeLoss)"
    with pytest.raises(UnsupportedError):
        kept("Accuracy", (2, 4), (2,), "", tops=("y", "each"))
