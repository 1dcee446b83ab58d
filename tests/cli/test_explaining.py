"""What a user is told of a run before it, after it, and of the store: each promise of it has its test."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import pytest

from pipeline.engine import closure, fingerprint, planner
from pipeline.engine.events import StageStarted
from pipeline.engine.reporters import age_text
from pipeline.engine.status import look
from pipeline.store import collect
from pipeline.store.collect import Limits
from pipeline.store.store import Artifact
from tests.cli.conftest import Program
from tests.engine.fakes import NAMES, STAGES, Bench
from tests.support import edit

Told = dict[str, tuple[str, list[str]]]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def _told(plans: tuple[planner.StagePlan, ...]) -> Told:
    return {p.stage: (p.state, [str(reason) for reason in p.reasons]) for p in plans}


def _plan(bench: Bench, **typed: object) -> Told:
    return _told(planner.plan(bench.options(**typed), STAGES))


def _status(bench: Bench) -> Told:
    return _told(look(bench.output, STAGES).plan)


def test_plan_and_status_say_for_each_stage_hit_or_run_and_why(bench: Bench) -> None:
    bench.run(stop_after="emit")
    for told in (_plan(bench), _status(bench)):
        assert [state for state, _ in told.values()][:2] == ["hit", "hit"]
        assert told["import"][1][0].startswith("code, libraries, options and inputs are the same as when it was made, ")
        assert told["translate"] == ("run", ["this is its first run for this model"])


def test_they_name_the_option_that_changed_and_from_what_to_what(bench: Bench) -> None:
    bench.run(seed=1)
    bench.run(seed=2, output=bench.folder / "other", stop_after="translate", verify=False)
    assert _plan(bench, seed=3)["verify"] == ("run", ["option seed changed from 1 to 3"])
    assert _plan(bench, inputs=["2x3", "4"])["import"] == ("run", ["option inputs changed from nothing to 2x3, 4"])


def test_they_name_the_code_that_changed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    stages = tuple(replace(stage, module="pipeline.graph.input_spec") for stage in STAGES)
    bench.run(stages=stages)
    real = closure.code_digests
    monkeypatch.setattr(fingerprint, "code_digests", lambda module: {**real(module), "graph/input_spec.py": "0" * 64})
    told = _told(planner.plan(bench.options(), stages))
    assert told["import"] == ("run", ["code changed: graph/input_spec.py"])
    assert _told(look(bench.output, stages).plan) == told


def test_they_name_the_library_that_changed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "library", lambda name: "6.0")
    bench.run()
    monkeypatch.setattr(fingerprint, "library", lambda name: "7.1")
    assert _plan(bench)["emit"] == ("run", ["library protobuf changed from 6.0 to 7.1"])
    assert _status(bench)["emit"] == ("run", ["library protobuf changed from 6.0 to 7.1"])


def test_they_name_the_input_that_differs_and_where(bench: Bench) -> None:
    bench.run()
    bench.model.write_bytes(b"\x04\0\0\0other")
    assert _plan(bench)["import"] == ("run", [f"its input t7 changed: {bench.model}"])
    assert _status(bench)["import"] == ("run", [f"its input t7 changed: {bench.model}"])
    bench.run()
    started = [event for event in bench.events if isinstance(event, StageStarted)]
    reasons = {event.stage: event.reasons for event in started}
    assert reasons["emit"] == ("its input graph changed: graph.json, weights.safetensors",)


def test_a_status_says_which_files_were_edited_and_what_adopting_them_would_run(bench: Bench) -> None:
    bench.run()
    assert look(bench.output, STAGES).plan_rows() == []
    edit(bench.output / "deploy.prototxt", b"mine")
    found = look(bench.output, STAGES)
    assert found.edited == ("deploy.prototxt",)
    assert found.command.endswith("--adopt")
    assert _told(found.plan)["translate"] == ("run", ["its input caffe changed: deploy.prototxt"])
    bench.resume(adopt=True)
    found = look(bench.output, STAGES)
    assert (found.edited, found.plan_rows()) == ((), [])


def test_a_stage_that_gets_the_net_before_an_edit_says_that_it_starts_from_the_edit() -> None:
    before = {"inputs": {"t7": "a", "graph": "b", "caffe": "c"}}
    after = {"inputs": {"caffe": "d", "original": "e"}}
    assert list(map(str, fingerprint.differences(before, after))) == [
        "it starts from the edited files",
        "its input caffe changed",
    ]


def test_a_status_says_what_a_resume_would_fail_with(bench: Bench) -> None:
    bench.run()
    bench.model.unlink()
    assert str(bench.model) in look(bench.output, STAGES).obstacle


def test_a_run_is_compared_with_the_last_one_into_its_own_folder_if_there_was_any(bench: Bench, tmp_path: Path) -> None:
    bench.run(seed=1)
    bench.run(seed=2, output=tmp_path / "other")
    assert _plan(bench, seed=3)["verify"] == ("run", ["option seed changed from 1 to 3"])
    assert _plan(bench, seed=3, output=tmp_path / "new")["verify"] == ("run", ["option seed changed from 2 to 3"])


def test_force_runs_the_stage_and_says_so(bench: Bench) -> None:
    bench.run()
    assert _plan(bench, force=["emit"])["emit"] == ("run", ["--force asks for it"])
    bench.run(force=["emit"])
    assert (bench.ran(), bench.hits()) == (["emit"], ["import", "translate", "verify"])


def test_a_history_with_a_flipped_byte_explains_nothing_wrongly(bench: Bench) -> None:
    bench.run(seed=1)
    for path in (bench.root / "history").iterdir():
        path.write_bytes(path.read_bytes().replace(b'"seed":1', b'"seed":7'))
    assert _plan(bench, seed=3)["verify"] == ("run", ["this is its first run for this model"])


def test_cache_list_tells_size_age_last_use_and_what_model(program: Program) -> None:
    program.convert("-q")
    listed = program("cache", "list", "--json").data
    assert {"size", "made", "used", "model"} <= set(listed[0])
    lines = program("cache", "list").out.splitlines()
    assert lines[0].split() == ["key", "kind", "size", "made", "used", "model"]
    assert str(program.model) in lines[1]
    assert age_text(listed[0]["made"] - 7200) == "2 h ago"


@pytest.mark.parametrize("limits", [Limits(older_than=0), Limits(max_size=0)], ids=lambda limits: str(asdict(limits)))
def test_cache_collect_never_removes_an_artifact_that_a_run_in_progress_uses(bench: Bench, limits: Limits) -> None:
    """The stage that runs last looks at the store while somebody collects."""
    from dataclasses import replace

    from pipeline.stages.stage import Task
    from tests.engine.fakes import EMIT, IMPORT, TRANSLATE

    bench.run(root="another network")  # of no use to the run below
    seen: list[str] = []

    def collecting(task: Task) -> None:
        for entry in collect.entries(bench.store):
            os.utime(bench.store.folder(entry.key), (1e9, 1e9))
        collect.collect(bench.store, limits)
        seen.extend(sorted(entry.kind for entry in collect.entries(bench.store)))
        TRANSLATE.run(task)

    outcome = bench.run(stages=(IMPORT, EMIT, replace(TRANSLATE, run=collecting, version=2)))
    assert outcome.exit_code == 0
    assert seen == ["caffe", "graph"]


def test_cache_collect_keeps_and_tries_as_asked(program: Program) -> None:
    program.convert("-q")
    program.convert("-q", "--root", "other")
    count = len(program("cache", "list", "--json").data)
    would = program("cache", "collect", "--older-than", "0s", "--keep", "1", "--dry-run", "--json").data
    assert len(program("cache", "list", "--json").data) == count
    assert program("cache", "collect", "--older-than", "0s", "--keep", "1", "--json").data == would
    assert len(program("cache", "list", "--json").data) == count - len(would) == len(NAMES)


def test_cache_check_finds_damage_that_nobody_has_used(bench: Bench) -> None:
    bench.run()
    artifact = next(a for a in bench.store.artifacts() if isinstance(a, Artifact) and a.kind == "caffe")
    path = artifact.path / "deploy.prototxt"
    path.chmod(0o644)
    path.write_bytes(b"x" + path.read_bytes()[1:])
    assert collect.check(bench.store) == [(artifact.key, "deploy.prototxt has changed")]


def test_lineage_tells_from_the_bytes_of_a_copy_which_run_source_options_and_versions_made_it(program: Program) -> None:
    said = program.convert("--json", "-q", "--seed", "7")
    copy = program.folder / "elsewhere.bin"
    copy.write_bytes((program.output / "init_net.pb").read_bytes())
    (found,) = program("lineage", copy, "--json").data
    assert found["run"] == said.model["run"]["run"]
    assert list(found["source"]) == [str(program.model)]
    assert found["options"]["seed"] == 7
    assert "torch2caffe2" in found["links"][0]["versions"]


def test_lineage_is_asked_of_a_file_and_not_of_a_folder(program: Program) -> None:
    said = program("lineage", program.folder)
    assert (said.code, "is a directory" in said.err) == (2, True)
