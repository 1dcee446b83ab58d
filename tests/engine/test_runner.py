from __future__ import annotations

import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.engine import events, runner
from pipeline.engine.delivery import copy
from pipeline.errors import InvalidInputError, MachineError, PipelineError, UnsupportedError, UsageError
from pipeline.stages.stage import Task
from pipeline.store import digests
from tests.engine.fakes import EMIT, IMPORT, NAMES, STAGES, TORCH, TRANSLATE, VERIFY, Bench, emit


def test_all_stages_run_in_the_order_of_their_needs(bench: Bench) -> None:
    assert bench.run().exit_code == 0
    assert bench.ran() == NAMES


def test_a_second_run_runs_no_stage(bench: Bench) -> None:
    bench.run()
    before = bench.delivered()
    bench.run()
    assert (bench.ran(), bench.hits()) == ([], NAMES)
    assert bench.delivered() == before


def test_only_stages_that_declare_an_option_run_when_it_changes(bench: Bench) -> None:
    bench.run()
    bench.run(weights_format="hdf5")
    assert bench.ran() == ["emit"]  # whose bytes came out the same, so what follows is cached


def test_a_rerun_that_makes_the_same_bytes_stops_there(bench: Bench) -> None:
    bench.run()
    bench.run(inputs=["2x3"])
    assert bench.ran() == ["import"]


def test_a_changed_model_runs_everything_that_depends_on_it(bench: Bench) -> None:
    bench.run()
    bench.model.write_bytes(TORCH + b"other")
    bench.run()
    assert bench.ran() == NAMES


def test_a_touched_model_with_the_same_bytes_is_a_hit(bench: Bench) -> None:
    bench.run()
    bench.model.write_bytes(bench.model.read_bytes())
    bench.run()
    assert bench.ran() == []


def test_a_copied_model_is_a_hit(bench: Bench) -> None:
    bench.run()
    bench.model = bench.model.rename(bench.folder / "other.t7")
    bench.run(output=bench.folder / "elsewhere")
    assert bench.ran() == []


def test_force_runs_a_cached_stage_and_says_so(bench: Bench) -> None:
    bench.run()
    bench.run(force=["emit"])
    assert bench.ran() == ["emit"]
    started = next(event for event in bench.events if isinstance(event, events.StageStarted))
    assert started.reasons == ("--force asks for it",)
    assert list((bench.root / "quarantine").iterdir()) == []


def test_the_run_stops_after_the_stage_that_is_named(bench: Bench) -> None:
    bench.run(stop_after="emit")
    assert bench.ran() == ["import", "emit"]
    manifest = json.loads((bench.output / "manifest.json").read_text())
    assert manifest["files"] == {"prototxt": "deploy.prototxt", "caffemodel": "model.caffemodel"}


def test_verification_can_be_left_out(bench: Bench) -> None:
    bench.run(verify=False)
    assert "verify" not in bench.ran()
    assert not (bench.output / "verification.json").exists()


@pytest.mark.parametrize("option", ["force", "stop_after"])
def test_an_unknown_stage_is_named_with_the_nearest(bench: Bench, option: str) -> None:
    with pytest.raises(UsageError) as caught:
        bench.run(**{option: ["emitt"] if option == "force" else "emitt"})
    assert caught.value.advice == "did you mean emit?"


def test_the_manifest_tells_signature_and_files(bench: Bench) -> None:
    bench.run()
    manifest = json.loads((bench.output / "manifest.json").read_text())
    blobs = {"caffe_blob": "data", "caffe2_blob": "data"}
    assert manifest["inputs"] == [{"name": "data", "shape": [1], "dtype": "float32", **blobs}]
    assert manifest["files"]["init_net"] == "init_net.pb"
    assert "signature.json" not in bench.delivered()


def test_a_stage_is_given_only_the_options_it_declares(bench: Bench) -> None:
    seen: list[Task] = []

    def look(task: Task) -> None:
        seen.append(task)
        emit(task)

    bench.run(stages=(IMPORT, replace(EMIT, run=look)))
    assert seen[0].options == {"weights_format": "protobuf"}
    assert set(seen[0].inputs) == {"graph"}


def test_a_change_of_the_environment_that_a_stage_names_runs_it(bench: Bench) -> None:
    found = {"opencv": "4.8"}
    verify = replace(VERIFY, environment=lambda options: found)
    stages = (IMPORT, EMIT, TRANSLATE, verify)
    bench.run(stages=stages)
    found["opencv"] = "4.9"
    bench.run(stages=stages)
    assert bench.ran() == ["verify"]
    started = next(event for event in bench.events if isinstance(event, events.StageStarted))
    assert started.reasons == ("opencv changed from 4.8 to 4.9",)


def test_what_comes_to_the_environment_or_leaves_it_is_told_by_name(bench: Bench) -> None:
    found = {"Caffe 1.0.0": "this Python"}
    stages = (IMPORT, EMIT, TRANSLATE, replace(VERIFY, environment=lambda options: found))
    bench.run(stages=stages)
    found.clear()
    found["OpenCV 4.9"] = "this Python"
    bench.run(stages=stages)
    started = next(event for event in bench.events if isinstance(event, events.StageStarted))
    assert started.reasons == ("Caffe 1.0.0 is no longer used", "OpenCV 4.9 is new")


def test_the_code_of_a_plugin_counts_and_its_place_does_not(bench: Bench) -> None:
    plugin = bench.folder / "plugin.py"
    plugin.write_text("one")
    bench.run(plugins=[plugin])
    moved = plugin.rename(bench.folder / "moved.py")
    bench.run(plugins=[moved])
    assert bench.ran() == []
    moved.write_text("two")
    bench.run(plugins=[moved])
    assert bench.ran() == ["import"]


def _caffe_pair(bench: Bench) -> dict[str, Path]:
    pair = {"model": bench.folder / "n.prototxt", "weights": bench.folder / "n.caffemodel"}
    pair["model"].write_text('name: "n"\n')
    pair["weights"].write_bytes(b"\xffweights")
    return pair


def test_a_caffe_pair_enters_behind_emission_and_is_delivered(bench: Bench) -> None:
    pair = _caffe_pair(bench)
    outcome = bench.run(**pair)
    assert outcome.exit_code == 0
    assert bench.ran() == ["translate", "verify"]
    assert (bench.output / "deploy.prototxt").read_bytes() == pair["model"].read_bytes()
    assert json.loads((bench.output / "verification.json").read_text())["inputs"] == "random, for caffe caffe2"
    pair["weights"].write_bytes(b"\xffother weights")
    bench.run(**pair)
    assert bench.ran() == ["translate", "verify"]


def test_what_a_run_started_from_is_not_verified_if_nothing_was_made_of_it(bench: Bench) -> None:
    verify = replace(VERIFY, needs=(), needs_any=VERIFY.needs)
    outcome = bench.run(**_caffe_pair(bench), stages=(replace(TRANSLATE, run=_unsupported), verify))
    assert [stage.state for stage in outcome.record.stages] == ["failed", "skipped"]
    assert outcome.record.stages[1].reasons == ["no stage made anything that it could check"]
    assert outcome.record.error == "1 part of the network cannot be converted"


def test_a_copy_of_a_caffe_pair_is_taken_in_once_and_leaves_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = _caffe_pair(bench)
    bench.run(**pair)
    copies = {option: path.with_name(f"copy-{path.name}") for option, path in pair.items()}
    for option, path in pair.items():
        copies[option].write_bytes(path.read_bytes())

    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "no room for a copy that nobody needs")

    monkeypatch.setattr("pipeline.engine.start.copy", full)
    outcome = bench.run(**copies)
    assert (outcome.exit_code, bench.ran(), bench.hits()) == (0, [], ["translate", "verify"])
    assert list((bench.root / "sessions").iterdir()) == []
    copies["weights"].write_bytes(b"\xffother weights")
    assert bench.run(**copies).exit_code == 6


def test_a_caffe_pair_that_changes_while_it_is_taken_in_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = _caffe_pair(bench)

    def changing(source: Path, target: Path) -> None:
        copy(source, target)
        source.write_bytes(source.read_bytes() + b"more")

    monkeypatch.setattr("pipeline.engine.start.copy", changing)
    outcome = bench.run(**pair)
    assert outcome.exit_code == 5
    assert "changed while they were read" in str(outcome.error)


def test_a_caffe_pair_is_digested_before_it_is_copied(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy begun earlier may hold other bytes than the digest that it is stored under."""
    pair, order = _caffe_pair(bench), []
    real = digests.file_digest
    monkeypatch.setattr(digests, "file_digest", lambda path: (order.append(("digest", path)), real(path))[1])
    noted = lambda source, target: (order.append(("copy", source)), copy(source, target))  # noqa: E731
    monkeypatch.setattr("pipeline.engine.start.copy", noted)
    assert bench.run(**pair).exit_code == 0
    for path in pair.values():
        assert order.index(("digest", path)) < order.index(("copy", path))


def test_a_stage_of_a_caffe_run_that_is_not_reached_is_refused(bench: Bench) -> None:
    prototxt = bench.folder / "n.prototxt"
    prototxt.write_text('name: "n"\n')
    weights = bench.folder / "n.caffemodel"
    weights.write_bytes(b"\xffweights")
    with pytest.raises(UsageError, match="emit is not a stage of this run"):
        bench.run(model=prototxt, weights=weights, stop_after="emit")


def test_a_failed_verification_leaves_everything_in_place_and_stays_failed(bench: Bench) -> None:
    bench.model.write_bytes(TORCH + b"net")
    wrong = replace(TRANSLATE, run=_wrong)
    stages = (IMPORT, EMIT, wrong, VERIFY)
    outcome = bench.run(stages=stages)
    assert outcome.exit_code == 3
    assert outcome.error is not None
    assert outcome.error.where == "conv1"
    assert outcome.record.state == "unverified"
    assert json.loads((bench.output / "verification.json").read_text())["passed"] is False
    assert (bench.output / "manifest.json").exists()
    assert bench.run(stages=stages).exit_code == 3
    assert bench.ran() == []


def _wrong(task: Task) -> None:
    (task.output / "predict_net.pb").write_bytes(b"WRONG")
    (task.output / "init_net.pb").write_bytes(b"")


def _unsupported(task: Task) -> None:
    (task.output / "half.pb").write_bytes(b"half")
    raise UnsupportedError.one("layer conv1", "it is too strange")


def test_a_failed_stage_leaves_what_was_finished_but_nothing_that_looks_complete(bench: Bench) -> None:
    outcome = bench.run(stages=(IMPORT, EMIT, replace(TRANSLATE, run=_unsupported)))
    assert outcome.exit_code == 4
    assert (bench.output / "deploy.prototxt").exists()
    assert not (bench.output / "manifest.json").exists()
    assert not (bench.output / "half.pb").exists()
    assert [stage.state for stage in outcome.record.stages] == ["done", "done", "failed"]


def test_a_failed_run_does_not_touch_an_older_result(bench: Bench) -> None:
    bench.run()
    before = bench.delivered()
    bench.model.write_bytes(TORCH + b"other")
    assert bench.run(stages=(IMPORT, EMIT, replace(TRANSLATE, run=_unsupported))).exit_code == 4
    assert bench.delivered() == before


@pytest.mark.parametrize("error", [UsageError("no"), InvalidInputError("no"), UnsupportedError.one("conv1", "no")])
def test_a_resume_whose_options_are_refused_leaves_the_record_as_it_was(bench: Bench, error: PipelineError) -> None:
    def picky(task: Task) -> None:
        if task.options["seed"] == 3:
            raise error
        VERIFY.run(task)

    stages = (IMPORT, EMIT, TRANSLATE, replace(VERIFY, run=picky))
    bench.run(stages=stages)
    before, files = (bench.output / "run.json").read_bytes(), bench.delivered()
    outcome = runner.resume(bench.output, bench.events.append, changes={"seed": 3}, stages=stages)
    assert (outcome.record.state, outcome.exit_code) == ("failed", error.exit_code)
    assert ((bench.output / "run.json").read_bytes(), bench.delivered()) == (before, files)
    assert bench.resume(stages=stages).exit_code == 0
    assert bench.ran() == []


def test_a_resume_that_the_machine_stops_is_recorded_and_goes_on_with_its_options(bench: Bench) -> None:
    def full(task: Task) -> None:
        raise MachineError("the disk is full")

    bench.run()
    stages = (IMPORT, EMIT, TRANSLATE, replace(VERIFY, run=full))
    assert runner.resume(bench.output, bench.events.append, changes={"seed": 3}, stages=stages).exit_code == 6
    assert bench.resume().record.options["seed"] == 3
    assert bench.ran() == ["verify"]


def test_files_that_a_run_no_longer_makes_are_removed(bench: Bench) -> None:
    bench.run()
    bench.run(verify=False)
    assert not (bench.output / "verification.json").exists()


def test_a_model_that_changes_while_it_is_read_is_never_stored(bench: Bench) -> None:
    def meddle(task: Task) -> None:
        (task.output / "graph.json").write_text("half old, half new")
        task.inputs["t7"].write_bytes(b"new")

    outcome = bench.run(stages=(replace(IMPORT, run=meddle),))
    assert isinstance(outcome.error, InvalidInputError)
    assert list(bench.store.artifacts()) == []


def test_an_artifact_that_changes_while_a_stage_reads_it_makes_nothing(bench: Bench) -> None:
    """A stage may digest what it reads while the system copies it: both must have seen the same bytes."""

    def meddled_with(task: Task) -> None:
        emit(task)
        path = task.inputs["graph"] / "weights.safetensors"
        path.chmod(0o644)
        with path.open("r+b") as stream:
            stream.write(b"other")

    outcome = bench.run(stages=(IMPORT, replace(EMIT, run=meddled_with), TRANSLATE))
    assert isinstance(outcome.error, MachineError)
    assert "weights.safetensors changed while it was read" in outcome.error.what
    assert bench.resume().exit_code == 0
    assert "import" in bench.ran()


def test_what_a_reader_says_of_a_store_that_is_removed_meanwhile_is_the_machines_fault(bench: Bench) -> None:
    def removed(task: Task) -> None:
        shutil.rmtree(bench.root)
        raise UsageError("graph.json has no weights.safetensors beside it")

    outcome = bench.run(stages=(IMPORT, replace(EMIT, run=removed), TRANSLATE))
    assert outcome.exit_code == MachineError.exit_code
    assert bench.run().exit_code == 0


def test_an_interrupted_run_says_so_and_goes_on_later(bench: Bench) -> None:
    def interrupted(task: Task) -> None:
        raise KeyboardInterrupt

    outcome = bench.run(stages=(IMPORT, EMIT, replace(TRANSLATE, run=interrupted), VERIFY))
    assert outcome.exit_code == 130
    assert outcome.record.state == "interrupted"
    assert bench.resume().exit_code == 0
    assert bench.hits() == ["import", "emit"]


def test_a_bug_in_a_stage_is_recorded_and_raised(bench: Bench) -> None:
    def bug(task: Task) -> None:
        raise ZeroDivisionError("oops")

    with pytest.raises(ZeroDivisionError):
        bench.run(stages=(IMPORT, replace(EMIT, run=bug)))
    assert json.loads((bench.output / "run.json").read_text())["state"] == "failed"


def test_progress_ends_with_the_whole(bench: Bench) -> None:
    bench.run()
    told = [event for event in bench.events if isinstance(event, events.StageProgress)]
    assert (told[-1].done, told[-1].total, told[-1].unit) == (10, 10, "lines")


def test_the_record_does_not_depend_on_the_folder_where_the_run_was_started(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bench.folder)
    bench.run(model=Path("model.t7"), output=Path("out"), stop_after="import")
    monkeypatch.chdir("/")
    assert bench.resume().exit_code == 0
    assert STAGES and bench.ran() == ["emit", "translate", "verify"]
