from __future__ import annotations

import numpy as np
import pytest

from tests.support import numbers
from tests.torch7.fixtures import check, refusal
from tests.torch7.writer import nn, sequential


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "GlobalAttention", "WordEmbedding", "Bridge"])
def test_a_network_runs_the_one_inside(kind):
    x = numbers(2, 3)
    check(sequential(nn("Tanh"), kind=f"onmt.{kind}"), x, expected=np.tanh(x))


def test_a_bridge_without_a_network_is_refused():
    assert "holds no network" in refusal(sequential(kind="onmt.Bridge"), numbers(2, 3))


def test_a_generator_takes_the_first_of_a_table():
    x, other = numbers(2, 3), numbers(4, seed=1)
    module = sequential(sequential(nn("Tanh"), nn("Exp"), kind="ConcatTable"), kind="onmt.Generator")
    check(module, x, expected=[np.tanh(x), np.exp(x)])
    check(module, [x, other], expected=[np.tanh(x), np.exp(x)])


def test_variational_dropout_is_a_copy():
    x = numbers(2, 3)
    check(sequential(nn("onmt.VariationalDropout", p=0.3), nn("Tanh")), x, expected=np.tanh(x))


def test_what_stands_once_is_repeated_before_it_is_joined():
    query, context = numbers(2, 1, 3), numbers(2, 4, 3, seed=1)
    module = nn("onmt.JoinReplicateTable", dimensionReplicate=2, dimensionJoin=3)
    check(module, [query, context], expected=np.concatenate([np.repeat(query, 4, 1), context], 2))


def test_places_are_counted_from_where_the_sentence_begins():
    weight, vectors, lengths = numbers(4, 5), numbers(2, 4, 3, seed=1), np.array([4, 2], np.float32)
    module = nn("onmt.PositionEmbedding", dimension=2, max_pos=3, weight=weight)
    expected = weight[np.array([[1, 2, 3, 3], [0, 0, 1, 2]])]
    check(module, [vectors, lengths], expected=expected)
