from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from pipeline.graph.evaluation import run
from pipeline.torch7.importer import lower
from pipeline.torch7.mode import Mode
from pipeline.torch7.module import Module
from pipeline.torch7.reader import load
from tests.support import numbers, sigmoid
from tests.torch7.fixtures import DATA, as_read, check, io, refusal, spec
from tests.torch7.writer import nn


def loss(kind, **fields):
    return nn("ModuleFromCriterion", criterion=nn(kind, **fields))


def theirs(function, *arrays, **options):
    return function(*map(torch.from_numpy, arrays), **options).reshape(1).numpy()


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize(
    ("kind", "function"),
    [
        ("MSECriterion", functional.mse_loss),
        ("AbsCriterion", functional.l1_loss),
        ("SmoothL1Criterion", functional.smooth_l1_loss),
    ],
)
def test_a_loss_of_two_tensors_is_their_mean_or_their_sum(kind, function, average):
    x, y = 2 * numbers(3, 4), numbers(3, 4, seed=1)
    expected = theirs(function, x, y, reduction="mean" if average else "sum")
    check(loss(kind, sizeAverage=average), [x, y], expected=expected)


def test_a_binary_loss_weighs_both_logarithms():
    x, y = sigmoid(numbers(3, 4)), (numbers(3, 4, seed=1) > 0).astype(np.float32)
    check(loss("BCECriterion"), [x, y], expected=theirs(functional.binary_cross_entropy, x, y))
    assert "weighs its terms" in refusal(loss("BCECriterion", weights=numbers(4)), [x, y])


@pytest.mark.parametrize("average", [True, False])
@pytest.mark.parametrize("fields", [{}, {"weights": np.array([0.5, 2, 1, 3], np.float32)}, {"ignoreIndex": 2}])
def test_a_likelihood_is_taken_at_each_rows_class(fields, average):
    x, classes = numbers(3, 4), np.array([2, 4, 1], np.float32)
    options = {"weight": torch.from_numpy(fields["weights"])} if "weights" in fields else {}
    options["ignore_index"] = fields.get("ignoreIndex", -100) - 1
    options["reduction"] = "mean" if average else "sum"
    expected = theirs(functional.nll_loss, x, classes.astype(np.int64) - 1, **options)
    check(loss("ClassNLLCriterion", sizeAverage=average, **fields), [x, classes], expected=expected)


def test_rows_of_which_none_counts_have_no_loss():
    x, classes = numbers(2, 4), np.array([2, 2], np.float32)
    check(loss("ClassNLLCriterion", ignoreIndex=2), [x, classes], expected=np.zeros(1))


def test_one_row_needs_no_batch():
    x, classes = numbers(4), np.array([3], np.float32)
    check(loss("ClassNLLCriterion"), [x, classes], expected=-x[2:3])


def test_a_cross_entropy_takes_logarithms_first_and_drops_dimensions_of_one():
    x, classes = numbers(3, 4), np.array([2, 4, 1], np.float32)
    module = loss("CrossEntropyCriterion", nll=nn("ClassNLLCriterion", sizeAverage=True))
    expected = theirs(functional.cross_entropy, x, classes.astype(np.int64) - 1)
    check(module, [x, classes], expected=expected)
    check(module, [x.reshape(3, 4, 1, 1), classes.reshape(3, 1)], expected=expected)


def test_a_loss_that_is_not_known_is_called_one():
    assert refusal(loss("HingeEmbeddingCriterion"), [numbers(3), numbers(3)]) == "is a loss that is not known here"


def without_loss(name_or_module, *shapes, notes=None):
    """Lower a network without its losses."""
    network = load(DATA / name_or_module / "model.t7") if isinstance(name_or_module, str) else as_read(name_or_module)
    notes = [] if notes is None else notes
    return lower(Module(network), [spec(shape) for shape in shapes], mode=Mode(drop_loss=True), note=notes.append).graph


def test_without_losses_a_graph_gives_what_does_not_depend_on_them_and_takes_no_labels():
    (x, _), (prediction, _, hidden) = io(DATA / "gModule_loss")
    notes = []
    graph = without_loss("gModule_loss", (2, 5), (2,), notes=notes)
    assert [value.name for value in graph.inputs] == ["input_1"]
    got = run(graph, [x])
    np.testing.assert_allclose(got[0], prediction, atol=1e-6)
    np.testing.assert_allclose(got[1], hidden, atol=1e-6)
    assert len(got) == 2
    assert notes == ["7 (nn.ModuleFromCriterion) is a loss and is left out, with what is computed from it"]


def test_a_network_that_gives_nothing_but_a_loss_gives_what_that_is_given():
    graph = without_loss(loss("HingeEmbeddingCriterion"), (3,), (3,))
    (y,) = run(graph, [numbers(3)])
    np.testing.assert_array_equal(y, numbers(3))
