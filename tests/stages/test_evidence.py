from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import formats
from pipeline.caffe.write import WRITES
from pipeline.caffe2.write import Caffe2Builder
from pipeline.formats import Location
from pipeline.graph.operators import LeakyRelu
from pipeline.graph.values import Node
from tests.support import convert
from tests.verification import nets


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the writer of Caffe2's LeakyRelu double its slope."""
    from pipeline.caffe2.write import WRITES as WRITES_CAFFE2

    right = WRITES_CAFFE2["LeakyRelu"]

    def wrong(node: Node[LeakyRelu], net: Caffe2Builder) -> None:
        right(replace(node, operator=LeakyRelu(alpha=2 * node.operator.alpha)), net)

    monkeypatch.setitem(WRITES_CAFFE2._entries, "LeakyRelu", wrong)


@pytest.mark.usefixtures("broken")
def test_a_failed_verification_leaves_the_smallest_part_that_differs_and_names_its_path(tmp_path: Path) -> None:
    assert "LeakyRelu" in WRITES
    pair = nets.saved(nets.network(), tmp_path / "net")
    outcome = convert(pair / "deploy.prototxt", tmp_path / "out", weights=pair / "model.caffemodel")
    assert outcome.exit_code == 3
    assert outcome.error is not None
    path = tmp_path / "out" / "smallest_diverging.zip"
    assert str(path) in outcome.error.advice
    with zipfile.ZipFile(path) as packed:
        packed.extractall(tmp_path / "small")
    about = json.loads((tmp_path / "small" / "manifest.json").read_text())["cut"]
    assert (about["differs"], about["at"]) == ("caffe2 read back", "act")
    graph = formats.load(Location(tmp_path / "small"))
    assert [node.name for node in graph.nodes] == ["act"]


@pytest.mark.usefixtures("broken")
def test_the_path_is_told_again_where_the_verification_is_cached(tmp_path: Path) -> None:
    folder = nets.saved(nets.network(), tmp_path / "net")
    model, weights = folder / "deploy.prototxt", folder / "model.caffemodel"
    convert(model, tmp_path / "out", weights=weights)
    again = convert(model, tmp_path / "again", weights=weights)
    assert [stage.state for stage in again.record.stages] == ["hit", "failed"]
    assert again.error is not None
    assert str(tmp_path / "again" / "smallest_diverging.zip") in again.error.advice
    assert (tmp_path / "again" / "smallest_diverging.zip").is_file()


def test_a_verification_that_passes_leaves_nothing(tmp_path: Path) -> None:
    pair = nets.saved(nets.network(), tmp_path / "net")
    outcome = convert(pair / "deploy.prototxt", tmp_path / "out", weights=pair / "model.caffemodel")
    assert outcome.exit_code == 0
    assert not (tmp_path / "out" / "smallest_diverging.zip").exists()
