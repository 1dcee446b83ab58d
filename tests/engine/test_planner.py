from __future__ import annotations

from pathlib import Path

from pipeline.config import Options
from pipeline.engine import planner
from pipeline.store.store import Store
from tests.engine.fakes import NAMES, STAGES, Bench
from tests.support import edit_record


def _plan(bench: Bench, **typed: object) -> dict[str, tuple[str, list[str]]]:
    options: Options = bench.options(**typed)
    return {p.stage: (p.state, [str(reason) for reason in p.reasons]) for p in planner.plan(options, STAGES)}


def test_before_the_first_run_every_stage_would_run(bench: Bench) -> None:
    planned = _plan(bench)
    assert list(planned) == NAMES
    assert {state for state, _ in planned.values()} == {"run"}
    assert not bench.root.exists()


def test_after_a_run_every_stage_is_a_hit(bench: Bench) -> None:
    bench.run()
    assert {state for state, _ in _plan(bench).values()} == {"hit"}


def test_the_option_that_changed_is_told_with_both_values(bench: Bench) -> None:
    bench.run()
    planned = _plan(bench, root="model.net")
    assert planned["import"] == ("run", ["option root changed from nothing to model.net"])
    assert planned["emit"][0] == "follows"
    assert "graph it reads is made again" in planned["emit"][1][0]


def test_a_stage_with_a_change_of_its_own_is_sure_to_run(bench: Bench) -> None:
    bench.run()
    planned = _plan(bench, root="x", weights_format="hdf5")
    assert planned["emit"] == ("run", ["option weights_format changed from protobuf to hdf5"])


def test_a_changed_model_is_told_as_an_input(bench: Bench) -> None:
    bench.run()
    bench.model.write_bytes(b"\x04\0\0\0other")
    assert _plan(bench)["import"] == ("run", [f"its input t7 changed: {bench.model}"])


def test_a_removed_artifact_is_told(bench: Bench) -> None:
    outcome = bench.run()
    store = Store(bench.root)
    store.set_aside(outcome.record.stages[0].key, "test")
    assert _plan(bench)["import"] == ("run", ["its artifact is no longer in the store"])


def test_damage_is_told_and_left_where_it_is(bench: Bench) -> None:
    outcome = bench.run()
    folder = Store(bench.root).folder(outcome.record.stages[0].key)
    (folder / "graph.json").unlink()
    assert _plan(bench)["import"] == ("run", ["its artifact was damaged: graph.json is missing"])
    assert folder.exists()


def test_force_is_told(bench: Bench) -> None:
    bench.run()
    planned = _plan(bench, force=["emit"])
    assert planned["import"][0] == "hit"
    assert planned["emit"] == ("run", ["--force asks for it"])


def test_a_plan_is_the_run_that_follows(bench: Bench) -> None:
    bench.run()
    planned = _plan(bench, seed=3, weights_format="hdf5")
    bench.run(seed=3, weights_format="hdf5")
    assert set(bench.ran()) <= {stage for stage, (state, _) in planned.items() if state != "hit"}
    assert {stage for stage, (state, _) in planned.items() if state == "run"} <= set(bench.ran())


def test_a_caffe_pair_is_planned_from_translation_on(bench: Bench) -> None:
    prototxt, weights = bench.folder / "n.prototxt", bench.folder / "n.caffemodel"
    prototxt.write_text('name: "n"\n')
    weights.write_bytes(b"\xffweights")
    assert {s: state for s, (state, _) in _plan(bench, model=prototxt, weights=weights).items()} == {
        "translate": "run",
        "verify": "run",
    }
    bench.run(model=prototxt, weights=weights)
    assert {state for state, _ in _plan(bench, model=prototxt, weights=weights).values()} == {"hit"}


def test_a_plan_as_json_has_reasons_as_data(bench: Bench) -> None:
    bench.run()
    options = bench.options(seed=9)
    (verify,) = [entry for entry in planner.as_json(planner.plan(options, STAGES)) if entry["stage"] == "verify"]
    reason = verify["reasons"][0]
    assert (reason["kind"], reason["name"], reason["before"], reason["after"]) == ("option", "seed", 0, 9)


def test_what_is_cached_is_told_without_the_store_that_a_sent_record_names(bench: Bench, tmp_path: Path) -> None:
    bench.run()
    edit_record(bench.output, lambda record: record.update(store=str(tmp_path / "theirs")))
    assert planner.cached(bench.output, bench.options(), STAGES)
    assert not (tmp_path / "theirs").exists()
