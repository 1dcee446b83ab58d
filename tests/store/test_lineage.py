from __future__ import annotations

import shutil

import pytest
from blake3 import blake3

from pipeline.errors import UsageError
from pipeline.store.lineage import lineage
from tests.engine.fakes import Bench


def test_a_copy_under_another_name_tells_what_made_it(bench: Bench) -> None:
    outcome = bench.run(root="model.net")
    copy = bench.folder / "renamed.bin"
    shutil.copyfile(bench.output / "init_net.pb", copy)
    (found,) = lineage(bench.store, copy)
    assert found.source == {str(bench.model): blake3(bench.model.read_bytes()).hexdigest()}
    assert found.run == outcome.record.run
    assert found.options["root"] == "model.net"
    assert "seed" not in found.options
    assert [(link.kind, link.file) for link in found.links] == [("caffe2", "init_net.pb"), ("caffe", ""), ("graph", "")]
    assert "protobuf" in found.links[1].versions


def test_an_edited_net_has_its_parent_in_its_lineage(bench: Bench) -> None:
    bench.run()
    (bench.output / "deploy.prototxt").unlink()
    (bench.output / "deploy.prototxt").write_text("edited")
    bench.resume(adopt=True)
    (found,) = lineage(bench.store, bench.output / "predict_net.pb")
    assert [(link.kind, link.origin) for link in found.links] == [
        ("caffe2", "made"),
        ("caffe", "edited"),
        ("caffe", "made"),
        ("graph", "made"),
    ]


def test_a_changed_file_is_not_known(bench: Bench) -> None:
    bench.run()
    other = bench.folder / "other"
    other.write_text("something else")
    with pytest.raises(UsageError, match="not known"):
        lineage(bench.store, other)
