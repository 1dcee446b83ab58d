from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.columns import PAGE, in_columns
from pipeline.report.layout import Edge, Layout, layered
from tests.support import taking_less_than

BOX = (188.0, 58.0)


def columns(count: int, edges: list[Edge]) -> Layout:
    return in_columns(layered([BOX] * count, edges), [BOX] * count, edges)


@st.composite
def networks(draw: st.DrawFn) -> tuple[int, list[Edge]]:
    """Draw a chain of layers with some ways around."""
    count = draw(st.integers(1, 60))
    around = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(2, 6)), max_size=8))
    more = {(start, start + length) for start, length in around if start + length < count}
    return count, sorted({*pairwise(range(count)), *more})


def test_a_chain_that_fits_the_page_is_one_column() -> None:
    drawn = columns(7, list(pairwise(range(7))))
    assert len({x for x, _ in drawn.centres}) == 1


def test_a_chain_of_thirty_is_set_in_columns_that_fit_the_page_legibly() -> None:
    drawn = columns(30, list(pairwise(range(30))))
    assert len({x for x, _ in drawn.centres}) == 4
    assert min(PAGE[0] / drawn.width, PAGE[1] / drawn.height) > 0.85


def test_thousands_of_edges_from_one_column_to_the_next_are_led_in_seconds() -> None:
    edges = list(combinations(range(400), 2))  # the first layer is a column of its own
    drawn = layered([BOX] * 400, edges)
    with taking_less_than(2.5):
        in_columns(drawn, [BOX] * 400, edges)


def test_a_column_is_read_downwards_and_columns_rightwards() -> None:
    drawn = columns(30, list(pairwise(range(30))))
    assert drawn.centres == tuple(sorted(drawn.centres))


def test_what_has_a_way_around_it_is_not_torn_apart() -> None:
    edges = sorted([*pairwise(range(40)), (5, 35)])
    drawn = columns(40, edges)
    assert len({x for x, _ in drawn.centres[6:35]}) == 1


@given(networks())
def test_boxes_do_not_overlap_and_edges_join_them_outside_of_others(network: tuple[int, list[Edge]]) -> None:
    count, edges = network
    drawn = columns(count, edges)
    for (x, y), (other_x, other_y) in combinations(drawn.centres, 2):
        assert abs(x - other_x) >= BOX[0] or abs(y - other_y) >= BOX[1]
    for (start, end), route in zip(edges, drawn.routes, strict=True):
        assert route[0] == pytest.approx((drawn.centres[start][0], drawn.centres[start][1] + BOX[1] / 2))
        assert route[-1] == pytest.approx((drawn.centres[end][0], drawn.centres[end][1] - BOX[1] / 2))
        for (x, y), (next_x, next_y) in pairwise(route):
            for box_x, box_y in drawn.centres:
                if x == next_x and abs(x - box_x) < BOX[0] / 2 - 1:  # beside it, or wholly above or below
                    assert max(y, next_y) <= box_y - BOX[1] / 2 + 1 or min(y, next_y) >= box_y + BOX[1] / 2 - 1


def test_nothing_is_set_of_nothing() -> None:
    assert columns(0, []) == Layout((), (), 0.0, 0.0)
