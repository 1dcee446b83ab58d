from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import UsageError
from tests.support import numbers
from tests.torch7.fixtures import check, results
from tests.torch7.writer import nn, sequential


def unit():
    """Build a unit of {x, c, h} that gives {c + x, tanh(h + x), x h}."""

    def of(index, *modules):
        items = sequential(nn("SelectTable", index=1), nn("SelectTable", index=index), kind="ConcatTable")
        return sequential(items, *modules)

    return sequential(
        of(2, nn("CAddTable")), of(3, nn("CAddTable"), nn("Tanh")), of(3, nn("CMulTable")), kind="ConcatTable"
    )


@pytest.mark.parametrize("reverse", [False, True])
def test_an_lstm_layer_hands_its_states_on(reverse):
    steps = [numbers(2, 3, seed=seed) for seed in range(3)]
    hidden, expected = np.zeros((2, 3)), []
    for x in steps[::-1] if reverse else steps:
        expected.append(x * hidden)
        hidden = np.tanh(hidden + x)
    module = nn("LstmLayer", lstmUnit=unit(), nHidden=3, reverse=reverse)
    check(module, steps, expected=expected[::-1] if reverse else expected)


def test_a_join_runs_its_unit_on_both_directions():
    forward, backward = ([numbers(2, 3, seed=s) for s in seeds] for seeds in ((0, 1), (2, 3)))
    module = nn("BiRnnJoin", joinUnit=nn("CAddTable"))
    check(module, [forward, backward], expected=[a + b for a, b in zip(forward, backward, strict=True)])
    with pytest.raises(UsageError, match="two tables of as many items"):
        results(module, [forward, backward[:1]])


def test_a_shared_unit_runs_on_every_item():
    items = [numbers(2, 3), numbers(4, 1, seed=1)]
    check(nn("SharedParallelTable", unit=nn("Tanh")), items, expected=[np.tanh(x) for x in items])
