from __future__ import annotations

from pathlib import Path

from pipeline.report.folding import Part, folded
from pipeline.report.labels import label
from tests.report.runs import folder, residual

LAYERS = 40


def test_a_box_of_several_layers_says_what_is_in_it_and_how_often(tmp_path: Path) -> None:
    network = folder(tmp_path, residual(LAYERS)).report().network
    assert network is not None
    part = max(folded(network), key=lambda each: each.times)
    told = label(part, network, None)
    assert told.heading == f"× {part.times}"  # noqa: RUF001
    assert told.kinds == ("convolution", "activation", "convolution", "activation", "convolution", "arithmetic")
    assert told.spoken.startswith(f"6 layers, repeated {part.times} times: features.0 … features.")
    assert told.spoken.endswith(", folded")


def test_a_box_differs_where_any_layer_in_it_does(tmp_path: Path) -> None:
    report = folder(tmp_path, residual(LAYERS), {"caffe read back": 1.0}).report()
    assert report.network is not None
    assert report.parity is not None
    assert label(Part((1, 2, 3)), report.network, report.parity).differs
    assert not label(Part((1, 2, 3)), report.network, None).differs


def test_the_output_of_the_network_is_told(tmp_path: Path) -> None:
    network = folder(tmp_path, residual(LAYERS)).report().network
    assert network is not None
    assert label(Part((LAYERS,)), network, None).spoken == (
        "GlobalAveragePool pool, 1 × 4 × 1 × 1, an output of the network"  # noqa: RUF001
    )
