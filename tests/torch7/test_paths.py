from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.torch7.objects import Table
from pipeline.torch7.paths import format_path, parse_path


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ((), ""),
        (("model", "net"), "model.net"),
        (("protos", "rnn"), "protos.rnn"),
        ((1,), "[1]"),
        (("modules", 2, "weight"), "modules[2].weight"),
        (("a b", -3), '["a b"][-3]'),
        (('quote"d', "größe"), '["quote\\"d"].größe'),
    ],
)
def test_a_path_is_written_as_in_lua_and_read_back(keys, text):
    assert format_path(keys) == text
    assert parse_path(text) == keys


@given(st.lists(st.text(min_size=1) | st.integers(-(10**17), 10**17), max_size=8))
def test_every_path_of_strings_and_numbers_is_read_back(keys):
    assert parse_path(format_path(keys)) == tuple(keys)


def test_single_quotes_are_understood():
    assert parse_path("['a b'].c") == ("a b", "c")


@pytest.mark.parametrize("text", ["model..", "[", "a[x]", "[1", "a]b[", '["a]'])
def test_a_text_that_is_no_path_is_refused(text):
    with pytest.raises(UsageError, match="cannot read the path"):
        parse_path(text)


def test_other_keys_are_named_by_their_kind():
    assert format_path(["a", None, True, 0.5, Table()]) == "a[true][0.5][a table]"


def test_a_long_path_is_cut_in_the_middle():
    text = format_path([1] * 10_000)
    assert text.startswith("[1][1]")
    assert text.endswith("(10000 levels)")
    assert len(text) < 100
