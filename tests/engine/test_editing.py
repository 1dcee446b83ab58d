from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pipeline.errors import UnsupportedError, UsageError
from pipeline.stages.stage import Task
from pipeline.store.store import Artifact
from tests.engine.fakes import EMIT, IMPORT, TRANSLATE, VERIFY, Bench
from tests.support import edit


def test_an_edited_file_is_named_and_nothing_is_overwritten(bench: Bench) -> None:
    bench.run()
    edit(bench.output / "deploy.prototxt", b"mine")
    before = bench.delivered()
    for run in (bench.run, bench.resume, lambda: bench.run(root="other")):
        with pytest.raises(UsageError, match=r"deploy\.prototxt") as caught:
            run()
        assert "--adopt" in caught.value.advice
    assert bench.delivered() == before


def test_a_file_of_somebody_else_is_not_overwritten(bench: Bench) -> None:
    bench.output.mkdir()
    (bench.output / "deploy.prototxt").write_text("yours")
    outcome = bench.run()
    assert isinstance(outcome.error, UsageError)
    assert "--adopt" not in outcome.error.advice  # which adopts what a run delivered
    assert (bench.output / "deploy.prototxt").read_text() == "yours"
    assert sorted(path.name for path in bench.output.iterdir()) == ["deploy.prototxt", "events.jsonl", "run.json"]
    (bench.output / "deploy.prototxt").rename(bench.folder / "away")
    assert bench.resume().exit_code == 0


def test_a_file_that_was_removed_is_delivered_again(bench: Bench) -> None:
    bench.run()
    (bench.output / "deploy.prototxt").unlink()
    bench.run()
    assert (bench.output / "deploy.prototxt").exists()


def test_adopting_an_edit_runs_what_follows_and_leaves_the_rest_alone(bench: Bench) -> None:
    bench.run()
    edit(bench.output / "deploy.prototxt", b"edited net")
    outcome = bench.resume(adopt=True)
    assert outcome.exit_code == 0, outcome.error
    assert bench.ran() == ["translate", "verify"]
    assert bench.hits() == []
    assert (bench.output / "deploy.prototxt").read_bytes() == b"edited net"
    assert (bench.output / "predict_net.pb").read_bytes() == b"caffe2 edited net"
    assert json.loads((bench.output / "verification.json").read_text())["inputs"] == "random, for caffe caffe2"


def test_an_adopted_artifact_knows_its_origin_and_parent(bench: Bench) -> None:
    first = bench.run()
    parent = next(stage.key for stage in first.record.stages if stage.name == "emit")
    edit(bench.output / "model.caffemodel", b"other weights")
    bench.resume(adopt=True)
    adopted = [a for a in bench.store.artifacts() if isinstance(a, Artifact) and a.manifest["origin"] == "edited"]
    assert [artifact.kind for artifact in adopted] == ["caffe"]
    assert adopted[0].manifest["parents"] == {"caffe": parent}
    assert adopted[0].manifest["edited"] == ["model.caffemodel"]
    assert "signature.json" in adopted[0].files


def test_a_run_that_went_on_from_an_edit_can_be_resumed(bench: Bench) -> None:
    bench.run()
    edit(bench.output / "deploy.prototxt", b"edited net")
    bench.resume(adopt=True)
    before = bench.delivered()
    assert bench.resume().exit_code == 0
    assert bench.ran() == []
    assert bench.delivered() == before


def test_a_conversion_from_the_start_does_not_undo_an_adopted_edit(bench: Bench) -> None:
    bench.run()
    edit(bench.output / "deploy.prototxt", b"edited net")
    bench.resume(adopt=True)
    outcome = bench.run()
    assert isinstance(outcome.error, UsageError)
    assert (bench.output / "deploy.prototxt").read_bytes() == b"edited net"


def test_an_edit_can_be_edited_again(bench: Bench) -> None:
    bench.run()
    for text in (b"first edit", b"second edit"):
        edit(bench.output / "deploy.prototxt", text)
        assert bench.resume(adopt=True).exit_code == 0
        assert (bench.output / "predict_net.pb").read_bytes() == b"caffe2 " + text


def test_an_edited_caffe2_net_is_verified_against_its_parent(bench: Bench) -> None:
    bench.run()
    edit(bench.output / "predict_net.pb", b"edited caffe2")
    assert bench.resume(adopt=True).exit_code == 0
    assert bench.ran() == ["verify"]
    assert json.loads((bench.output / "verification.json").read_text())["inputs"] == "random, for caffe caffe2"
    assert (bench.output / "predict_net.pb").read_bytes() == b"edited caffe2"


def test_what_no_stage_reads_cannot_be_adopted(bench: Bench) -> None:
    bench.run()
    edit(bench.output / "verification.json", b"{}")
    with pytest.raises(UsageError, match="cannot be adopted"):
        bench.resume(adopt=True)


def test_without_an_edit_there_is_nothing_to_adopt(bench: Bench) -> None:
    bench.run()
    with pytest.raises(UsageError, match="no file"):
        bench.resume(adopt=True)


def test_an_edit_in_place_of_a_linked_file_costs_the_store_one_artifact_and_never_the_edit(bench: Bench) -> None:
    bench.run()
    linked = bench.output / "model.caffemodel"
    linked.chmod(0o644)
    with linked.open("r+b") as stream:
        stream.write(b"EDIT")
    with pytest.raises(UsageError, match=r"model\.caffemodel"):
        bench.run()
    assert bench.resume(adopt=True).exit_code == 0
    assert linked.read_bytes().startswith(b"EDIT")
    bench.run(output=bench.folder / "other")
    assert "emit" in bench.ran()
    assert not (bench.folder / "other/model.caffemodel").read_bytes().startswith(b"EDIT")


def test_a_conversion_that_failed_goes_on_from_a_repaired_net(bench: Bench) -> None:
    def picky(task: Task) -> None:
        if b"good" not in (task.inputs["caffe"] / "deploy.prototxt").read_bytes():
            raise UnsupportedError.one("layer", "not good")
        TRANSLATE.run(task)

    stages = (IMPORT, EMIT, replace(TRANSLATE, run=picky), VERIFY)
    assert bench.run(stages=stages).exit_code == 4
    edit(bench.output / "deploy.prototxt", b"good")
    assert bench.resume(adopt=True, stages=stages).exit_code == 0
    assert (bench.output / "predict_net.pb").read_bytes() == b"caffe2 good"


def test_an_edit_that_a_stage_refuses_can_be_taken_back(bench: Bench) -> None:
    def picky(task: Task) -> None:
        if b"bad" in (task.inputs["caffe"] / "deploy.prototxt").read_bytes():
            raise UnsupportedError.one("layer", "is bad")
        TRANSLATE.run(task)

    stages = (IMPORT, EMIT, replace(TRANSLATE, run=picky), VERIFY)
    bench.run(stages=stages)
    before = bench.delivered()
    edit(bench.output / "deploy.prototxt", b"bad")
    outcome = bench.resume(adopt=True, stages=stages)
    assert outcome.exit_code == 4
    assert bench.delivered() == {**before, "deploy.prototxt": b"bad"}
    assert bench.resume(stages=stages).exit_code == 4  # it is still there
    edit(bench.output / "deploy.prototxt", before["deploy.prototxt"])
    assert bench.resume(stages=stages).exit_code == 0
    assert bench.ran() == []
    assert bench.delivered() == before


def test_a_run_that_stopped_behind_an_adoption_is_resumed_without_adopting_again(bench: Bench) -> None:
    def interrupted(task: Task) -> None:
        raise KeyboardInterrupt

    bench.run()
    edit(bench.output / "deploy.prototxt", b"edited net")
    assert bench.resume(adopt=True, stages=(IMPORT, EMIT, replace(TRANSLATE, run=interrupted))).exit_code == 130
    assert bench.resume().exit_code == 0
    assert bench.ran() == ["translate", "verify"]
    edit(bench.output / "deploy.prototxt", b"edited again")
    with pytest.raises(UsageError, match=r"deploy\.prototxt"):
        bench.resume()


def test_a_stage_that_wants_it_is_given_the_net_as_it_was_before_any_edit(bench: Bench) -> None:
    seen: list[str] = []

    def look(task: Task) -> None:
        seen.append((task.inputs["original"] / "deploy.prototxt").read_text() if "original" in task.inputs else "")
        VERIFY.run(task)

    stages = (IMPORT, EMIT, TRANSLATE, replace(VERIFY, run=look, wants=("graph", "original")))
    bench.run(stages=stages)
    original = (bench.output / "deploy.prototxt").read_text()
    for text in (b"first edit", b"second edit"):
        edit(bench.output / "deploy.prototxt", text)
        assert bench.resume(adopt=True, stages=stages).exit_code == 0
        assert (bench.output / "deploy.prototxt").read_bytes() == text
    assert bench.resume(stages=stages).exit_code == 0
    assert bench.ran() == []
    assert seen == ["", original, original]
