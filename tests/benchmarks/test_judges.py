"""The table of fixtures by judge counts what each judge found."""

from __future__ import annotations

from pathlib import Path

from benchmarks.exits import fixtures
from benchmarks.judges import judged, table

DATA = Path(__file__).parents[1] / "data" / "torch7"


def verdicts(name: str) -> list[tuple[str, str]]:
    return [(judge, word) for fixture in fixtures([DATA / name]) for judge, word, _ in judged(fixture, {})]


def test_a_network_is_right_where_it_gives_what_its_original_gave() -> None:
    assert verdicts("Abs") == [("torch2caffe2", "right")]


def test_a_network_whose_shapes_depend_on_its_numbers_is_refused() -> None:
    assert verdicts("MaskedSelect") == [("torch2caffe2", "refused")]


def test_counts_stand_in_the_order_of_the_words() -> None:
    counts = {("nets", "Caffe", "right"): 3, ("nets", "Caffe", "refused"): 1, ("more", "Caffe", "wrong"): 2}
    assert table(counts).splitlines()[2] == "| Caffe | 3 / 0 / 0 / 1 | 0 / 2 / 0 / 0 |"
