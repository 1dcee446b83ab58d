from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import layout
from pipeline.report.layout import layered

BOX = (100.0, 40.0)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    count = draw(st.integers(1, 14))
    pairs = list(combinations(range(count), 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=25)) if pairs else []
    return count, edges


@given(graphs())
def test_boxes_never_overlap_and_edges_go_down(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = graph
    drawn = layered([BOX] * count, edges)
    for (x, y), (other_x, other_y) in combinations(drawn.centres, 2):
        assert abs(x - other_x) >= BOX[0] + layout.GAP - 1e-6 or abs(y - other_y) >= BOX[1] + layout.ROW - 1e-6
    for (start, end), route in zip(edges, drawn.routes, strict=True):
        assert route[0] == pytest.approx((drawn.centres[start][0], drawn.centres[start][1] + BOX[1] / 2))
        assert route[-1] == pytest.approx((drawn.centres[end][0], drawn.centres[end][1] - BOX[1] / 2))
        assert all(upper[1] < lower[1] for upper, lower in pairwise(route))


@given(graphs())
def test_edges_do_not_run_through_boxes(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = graph
    drawn = layered([BOX] * count, edges)
    for route in drawn.routes:
        for (x, y), (next_x, next_y) in pairwise(route):
            for box_x, box_y in drawn.centres:
                if y < box_y < next_y:
                    assert x == next_x
                    assert abs(x - box_x) >= BOX[0] / 2


@given(graphs())
def test_everything_lies_within_the_drawing(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = graph
    drawn = layered([BOX] * count, edges)
    points = [*drawn.centres, *(point for route in drawn.routes for point in route)]
    assert all(0 <= x <= drawn.width and 0 <= y <= drawn.height for x, y in points)


def test_a_chain_is_a_straight_line() -> None:
    drawn = layered([BOX] * 5, [(i, i + 1) for i in range(4)])
    assert len({x for x, _ in drawn.centres}) == 1


def test_a_way_around_layers_is_straight_beside_them() -> None:
    drawn = layered([BOX] * 6, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)])
    bends = drawn.routes[-1][1:-1]
    assert len({x for x, _ in bends}) == 1
    assert len({x for x, _ in drawn.centres[1:5]}) == 1


def test_what_is_needed_late_stands_late() -> None:
    drawn = layered([BOX] * 5, [(0, 2), (2, 3), (3, 4), (1, 4)])
    assert drawn.centres[1][1] == drawn.centres[3][1]


def test_branches_that_need_not_cross_do_not() -> None:
    # the order of the list would cross them: 1 goes to 4, 2 to 3
    drawn = layered([BOX] * 6, [(0, 1), (0, 2), (1, 4), (2, 3), (3, 5), (4, 5)])
    (left, _), (right, _) = drawn.centres[1], drawn.centres[2]
    assert (left < right) == (drawn.centres[4][0] < drawn.centres[3][0])


def test_with_too_many_bends_edges_go_straight_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "MOST_BENDS", 1)
    drawn = layered([BOX] * 4, [(0, 1), (1, 2), (2, 3), (0, 3)])
    assert len(drawn.routes[-1]) == 2


def test_nothing_is_drawn_of_nothing() -> None:
    assert layered([], []) == layout.Layout((), (), 0.0, 0.0)
