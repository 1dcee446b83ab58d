from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import InvalidInputError
from pipeline.report.data import as_json
from pipeline.report.gather import gather
from tests.report.runs import READS, folder, residual


def test_a_layer_is_told_with_its_shape_attributes_source_and_costs(tmp_path: Path) -> None:
    network = folder(tmp_path, residual(8)).report().network
    assert network is not None
    first, conv = network.layers[:2]
    assert (first.operator, first.outputs[0].shape) == ("Input", (1, 4, 16, 16))
    assert (conv.operator, conv.family, conv.path, conv.kind) == ("Conv", "convolution", "features.0", "nn.Layer")
    assert conv.attributes["kernel_shape"] == "3, 3"
    assert conv.multiply_adds == 16 * 16 * 4 * 4 * 9
    assert conv.parameters == 4 * 4 * 9
    assert conv.sees == "3 \N{MULTIPLICATION SIGN} 3, step 1 \N{MULTIPLICATION SIGN} 1"
    assert [layer.is_output for layer in network.layers] == [False] * 8 + [True]


def test_edges_join_layers_and_leave_weights_out(tmp_path: Path) -> None:
    network = folder(tmp_path, residual(8)).report().network
    assert network is not None
    assert set(network.edges) == {(i, i + 1) for i in range(8)} | {(0, 6)}


def test_weights_are_told_by_their_numbers(tmp_path: Path) -> None:
    graph = residual(3)
    found = folder(tmp_path, graph).report().network
    assert found is not None
    ((name, array),) = graph.weights.items()
    (weight,) = found.weights
    assert (weight.name, weight.shape) == (name, (4, 4, 3, 3))
    assert weight.statistics.mean == pytest.approx(float(np.mean(array)), abs=1e-6)
    assert sum(weight.statistics.histogram) == array.size


def test_stages_began_when_the_record_says(tmp_path: Path) -> None:
    run = folder(tmp_path, residual(3)).report().run
    assert [stage.began for stage in run.stages] == [0.5, 1.0, None, None]
    assert run.seconds == 4.0


def test_versions_come_from_the_artifacts(tmp_path: Path) -> None:
    made = folder(tmp_path, residual(3))
    run = made.report().run
    assert run.versions == {"torch2caffe2": "0.1.0", "python": "3.11.7", "numpy": "2.0.0", "torch": "2.1.0+cpu"}
    assert run.runtimes == {"OpenCV 4.9": "m"}


def test_the_command_can_be_given_again(tmp_path: Path) -> None:
    again = folder(tmp_path / "o", residual(3)).report().reproduction
    assert again.typed == "torch2caffe2 convert 'a net.t7' --input 1x4x16x16"
    words = "torch2caffe2 convert '/models/a net.t7' --input 1x4x16x16 --seed 7 --plugin /a/plugin.py --output "
    assert again.complete == words + str(tmp_path / "o")
    assert again.requirements == ("numpy==2.0.0", "torch==2.1.0")
    assert [option.name for option in again.options] == ["inputs", "seed", "plugins"]


def test_parity_knows_every_value_by_every_runner(tmp_path: Path) -> None:
    errors = {"caffe read back": 0.0, "OpenCV 4.9, caffe": float("inf")}
    parity = folder(tmp_path, residual(3), errors).report().parity
    assert parity is not None
    assert parity.series == tuple(errors)
    assert not parity.passed
    assert all(found == errors for found in parity.values.values())
    assert parity.differs("data")
    assert parity.worst == float("inf")


def test_a_folder_without_a_network_says_why(tmp_path: Path) -> None:
    found = folder(tmp_path, None).report()
    assert found.network is None
    assert "holds no network" in found.no_network
    assert found.parity is None


def test_a_damaged_network_is_told_and_no_reason_to_tell_nothing(tmp_path: Path) -> None:
    made = folder(tmp_path, residual(3))
    (tmp_path / "graph.json").write_text('{"format": ')
    found = made.report()
    assert found.network is None
    assert "damaged" in found.no_network
    assert found.parity is not None


@pytest.mark.parametrize("text", ["[", "[]", '{"passed": true}', '{"checks": [1]}', "[" * 100_000], ids=range(5))
def test_a_damaged_verification_is_told_and_named(tmp_path: Path, text: str) -> None:
    made = folder(tmp_path, residual(3))
    (tmp_path / "verification.json").write_text(text)
    found = made.report()
    assert found.parity is None
    assert "verification.json is damaged" in found.no_parity
    assert found.network is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [("worst_at", []), ("by", 5), ("why", {"a": 1}), ("status", None), ("series", ["a"]), ("relative", 10**400)],
)
def test_a_verification_of_other_types_is_damaged(tmp_path: Path, field: str, value: object) -> None:
    made = folder(tmp_path, residual(3))
    found = json.loads((tmp_path / "verification.json").read_text())
    found["checks"][0][field] = value
    (tmp_path / "verification.json").write_text(json.dumps(found))
    assert "verification.json is damaged" in made.report().no_parity


def test_a_record_of_another_version_is_an_error(tmp_path: Path) -> None:
    made = folder(tmp_path, residual(3))
    del made.run["delivered"]
    with pytest.raises(InvalidInputError, match=r"run\.json"):
        made.report()


def test_feature_maps_are_of_the_reference_or_of_random_numbers(tmp_path: Path) -> None:
    made = folder(tmp_path, residual(3))
    x = np.zeros((1, 4, 16, 16), np.float32)
    np.savez(tmp_path / "io.npz", in0=x)
    np.savez(tmp_path / "other.npz", in0=x[:, :2])
    told = []
    for name in ("io.npz", "other.npz", "gone.npz"):
        report = gather(made.path, made.run, READS, made.manifests, tmp_path / name)
        assert report.network is not None
        told.append([picture.caption for picture in report.network.pictures])
    assert "inputs: io.npz); black is 0, white 0" in told[0][1]
    assert "inputs: random, seed 7)" in told[1][1]
    assert told[1] == told[2]


def test_a_report_is_plain_json_too(tmp_path: Path) -> None:
    report = folder(tmp_path, residual(3), {"caffe read back": float("inf")}).report()
    text = json.dumps(as_json([report]), allow_nan=False)
    assert json.loads(text)["models"][0]["network"]["layers"][1]["operator"] == "Conv"
