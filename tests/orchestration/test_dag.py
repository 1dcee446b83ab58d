from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.errors import UsageError
from pipeline.orchestration import dag
from pipeline.stages.stage import Stage
from tests.orchestration.fakes import EMIT, IMPORT, NAMES, STAGES, TRANSLATE, VERIFY, Bench


def _names(stages: tuple[Stage, ...]) -> list[str]:
    return [stage.name for stage in stages]


def test_edges_join_makers_to_readers() -> None:
    graph = dag.build(STAGES)
    assert set(graph.edges) == {
        ("import", "emit"),
        ("emit", "translate"),
        ("emit", "verify"),
        ("translate", "verify"),
        ("import", "verify"),
    }
    assert graph.edges["import", "verify"] == {"kind": "graph", "needed": False}


def test_the_order_follows_from_needs_alone() -> None:
    assert _names(dag.route(STAGES, {"t7"})) == NAMES
    assert _names(dag.route(STAGES[::-1], {"t7"})) == NAMES


def test_a_given_artifact_starts_behind_its_maker() -> None:
    assert _names(dag.route(STAGES, {"caffe"})) == ["translate", "verify"]


def test_a_new_target_is_one_more_stage() -> None:
    onnx = Stage("export", "onnx", ("graph",), EMIT.run)
    assert "export" in _names(dag.route((*STAGES, onnx), {"t7"}))
    assert _names(dag.route((*STAGES, onnx), {"t7"}, stop_after="export")) == ["import", "export"]


def test_stages_that_wait_for_each_other_are_a_bug() -> None:
    with pytest.raises(ValueError, match="wait for each other"):
        dag.build((replace(IMPORT, needs=("caffe",)), EMIT))


def test_an_option_that_nothing_takes_is_refused_where_it_was_set(bench: Bench) -> None:
    with pytest.raises(UsageError, match="no stage takes the option tolerance") as caught:
        bench.run(tolerance=1e-3)
    assert caught.value.where == "command line"


def test_a_start_from_which_nothing_can_be_made_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing can be made"):
        dag.route((EMIT, TRANSLATE, VERIFY), {"t7"})


def test_a_route_is_remembered_by_all_that_it_depends_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    options, store = bench.options(), bench.store
    asked = dag.asked_route(options, STAGES, {"t7"}, store)
    assert _names(asked) == NAMES
    computed: list[str] = []
    real = dag.route
    monkeypatch.setattr(dag, "route", lambda *words: (computed.append("again"), real(*words))[1])
    assert dag.asked_route(options, STAGES, {"t7"}, store) == asked
    assert computed == []
    assert _names(dag.asked_route(bench.options(stop_after="emit"), STAGES, {"t7"}, store)) == NAMES[:2]
    assert _names(dag.asked_route(bench.options(verify=False), STAGES, {"t7"}, store)) == NAMES[:3]
    assert _names(dag.asked_route(options, STAGES, {"caffe"}, store)) == NAMES[2:]
    onnx = Stage("export", "onnx", ("graph",), EMIT.run)
    assert "export" in _names(dag.asked_route(options, (*STAGES, onnx), {"t7"}, store))
    assert len(computed) == 4


def test_a_remembered_route_that_is_damaged_is_not_believed(bench: Bench) -> None:
    options, store = bench.options(), bench.store
    dag.asked_route(options, STAGES, {"t7"}, store)
    for kept in (bench.root / "history").iterdir():
        kept.write_text(kept.read_text().replace("emit", "edit"))
    assert _names(dag.asked_route(options, STAGES, {"t7"}, store)) == NAMES
