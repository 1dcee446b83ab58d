from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.data import LayerRow, NetworkSummary
from pipeline.report.folding import SHARE, Part, folded, whole
from pipeline.report.network import of_graph
from tests.report.runs import resnet
from tests.support import taking_less_than


def summary(operators: str, edges: list[tuple[int, int]], outputs: tuple[int, ...] = ()) -> NetworkSummary:
    """Describe a network of layers whose operators are letters."""
    layers = tuple(
        LayerRow(place, str(place), letter, "", "", "", (), (), is_output=place in outputs)
        for place, letter in enumerate(operators)
    )
    return NetworkSummary("net", "graph", layers, tuple(edges), ())


def chain(operators: str) -> NetworkSummary:
    return summary(operators, list(pairwise(range(len(operators)))))


def shown(network: NetworkSummary) -> str:
    """Return the boxes of a network, folded though small, as a text: what is in each, and how often."""
    boxes = []
    for part in folded(network, legible=0):
        inside = "".join(network.layers[place].operator for place in part.pattern)
        boxes.append(inside if len(part.layers) == 1 else f"({inside}){part.times}")
    return " ".join(boxes)


@pytest.mark.parametrize(
    ("operators", "boxes"),
    [
        ("ICRCRCRS", "I (CR)3 S"),
        ("ICCCS", "I (C)3 S"),
        ("ICCS", "I C C S"),  # one box for two of one layer tells less than the two
        ("ICRPCRPCRPCRP", "I (CRP)4"),
        ("ICRCRPCRCRPS", "I (CR)2 P (CR)2 P S"),
        ("ABCD", "A B C D"),
    ],
)
def test_what_repeats_in_a_chain_is_one_box(operators: str, boxes: str) -> None:
    assert shown(chain(operators)) == boxes


def test_a_repetition_begins_with_its_block_of_branches() -> None:
    # I, then three times: a branch C beside nothing, joined by S, and a ReLU
    edges = [(0, 1)]
    for start in (1, 4, 7):
        edges += [(start, start + 1), (start, start + 2), (start + 1, start + 2), (start + 2, start + 3)]
    assert shown(summary("IRCSRCSRCSR", edges)) == "I R (CSR)3"


def test_blocks_that_are_wired_otherwise_are_not_equal() -> None:
    straight = [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert shown(summary("IABAB", straight)) == "I (AB)2"
    assert shown(summary("IABAB", [*straight, (0, 2)])) != "I (AB)2"


def test_a_network_that_is_small_enough_is_not_folded() -> None:
    network = chain("CR" * 12)
    assert folded(network) == whole(network)
    assert folded(chain("CR" * 13)) == (Part(tuple(range(26)), 13),)


def test_a_block_with_an_output_of_the_network_in_it_stays_open() -> None:
    edges = [(0, 1), (0, 2), (1, 3), (2, 3), *pairwise(range(3, 40))]
    operators = "IABS" + "CDEFGHJKLM" * 3 + "CDEFGH"
    assert "(ABS)1" in shown(summary(operators, edges))
    assert "(ABS)1" not in shown(summary(operators, edges, outputs=(2,)))


@pytest.mark.parametrize("stages", [(3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3)])  # ResNet-50, 101, 152
def test_a_resnet_of_any_depth_is_a_handful_of_boxes(stages: tuple[int, ...]) -> None:
    parts = folded(of_graph(resnet(*stages)))
    assert [part.times for part in parts if part.times > 1] == [blocks - 1 for blocks in stages]
    assert len(parts) == 17


def test_blocks_nested_a_thousand_deep_are_found_in_seconds() -> None:
    inmost, count = 1000, 2000
    around = [(place, count - 1 - place) for place in range(inmost - 1)]
    with taking_less_than(3):
        parts = folded(summary("C" * count, [*pairwise(range(count)), *around]))
    assert max(len(part.layers) for part in parts) == count // SHARE + 1


def test_where_too_much_is_left_rows_of_layers_are_boxes_too() -> None:
    # two rows from one layer to two outputs: nothing repeats, and no layer ends what another begins
    edges = [(0, 1), *pairwise(range(1, 5)), (1, 5), *pairwise(range(5, 9))]
    network = summary("IABCDEFGH", edges)
    assert [part.layers for part in folded(network, legible=0)] == [(place,) for place in range(9)]
    close = [part.layers for part in folded(network, legible=0, crowded=8)]
    assert close == [(0,), (1,), (2,), (3,), (4,), (5, 6, 7), (8,)]


@st.composite
def networks(draw: st.DrawFn) -> NetworkSummary:
    """Draw a network of up to thirty layers of two operators."""
    count = draw(st.integers(1, 30))
    place = st.integers(0, count - 1)
    edges = draw(st.sets(st.tuples(place, place).filter(lambda edge: edge[0] < edge[1]))) if count > 1 else set()
    return summary(("AB" * count)[:count], sorted(edges), tuple(draw(st.sets(place, max_size=2))))


@pytest.mark.parametrize("crowded", [0, 1000])
@given(network=networks())
def test_every_layer_is_in_one_box_and_edges_go_down(crowded: int, network: NetworkSummary) -> None:
    parts = folded(network, legible=0, crowded=crowded)
    assert sorted(layer for part in parts for layer in part.layers) == list(range(len(network.layers)))
    box_of = {layer: place for place, part in enumerate(parts) for layer in part.layers}
    assert all(box_of[start] <= box_of[end] for start, end in network.edges)
