from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import OPTIONS, Options
from pipeline.engine import dag, events
from pipeline.errors import InvalidInputError, UnsupportedError, UsageError
from pipeline.stages.discovery import discover
from pipeline.stages.stage import Stage, Task
from tests.engine.fakes import EMIT, IMPORT, NAMES, STAGES, TRANSLATE, VERIFY, Bench


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


EITHER = Stage("export", "onnx", (), EMIT.run, needs_first=("graph", "caffe"), default=False)


def test_of_kinds_that_will_do_the_first_that_there_is_or_can_be_made_is_needed() -> None:
    stages = (*STAGES, EITHER)
    assert _names(dag.route(stages, {"t7"}, to=["onnx"])) == ["import", "export"]
    assert _names(dag.route(stages, {"caffe"}, to=["onnx"])) == ["export"]
    assert _names(dag.route(stages, {"graph"}, to=["onnx"], without=["emit"])) == ["export"]
    assert "export" not in _names(dag.route(stages, {"t7"}))
    with pytest.raises(UsageError, match="export is not a stage of this run"):
        dag.route(stages, {"t7"}, to=["onnx"], without=["import"])


def test_of_kinds_that_will_do_only_the_first_is_read() -> None:
    assert EITHER.takes({"caffe", "graph", "t7"}) == ("graph",)
    assert EITHER.takes({"caffe"}) == ("caffe",)
    assert EITHER.lacks({"t7"}) == ("graph or caffe",)
    either = replace(EITHER, needs=("io",), needs_first=("graph", "caffe", "caffe2"))
    assert either.lacks(()) == ("io", "graph, caffe or caffe2")


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


def test_options_choose_the_route(bench: Bench) -> None:
    def names(given: str = "t7", **typed: object) -> list[str]:
        return _names(dag.asked_route(bench.options(**typed), STAGES, {given}))

    assert names() == NAMES
    assert names(stop_after="emit") == NAMES[:2]
    assert names(verify=False) == names(without=["verify"]) == NAMES[:3]
    assert names("caffe") == NAMES[2:]
    assert names(to=["caffe2"]) == NAMES
    assert names(to=["caffe"]) == NAMES[:2]  # this verification needs a caffe2
    assert names(to=["caffe"], without=["verify"]) == NAMES[:2]


def test_a_check_follows_whatever_was_asked_for() -> None:
    check = replace(VERIFY, needs=("caffe",), wants=("caffe2",), follows=True)
    stages = (EMIT, IMPORT, TRANSLATE, check)
    assert _names(dag.route(stages, {"t7"}, to=["caffe"])) == ["import", "emit", "verify"]
    assert _names(dag.route(stages, {"t7"}, to=["graph"])) == ["import"]
    assert _names(dag.route(stages, {"t7"})) == NAMES


def test_a_stage_says_itself_whether_it_runs_by_default() -> None:
    onnx = Stage("export", "onnx", ("graph",), EMIT.run, default=False)
    assert "export" not in _names(dag.route((*STAGES, onnx), {"t7"}))
    assert _names(dag.route((*STAGES, onnx), {"t7"}, to=["onnx"])) == ["import", "export"]
    assert set(_names(dag.route((*STAGES, onnx), {"t7"}, to=["onnx", "caffe"]))) == {"import", "export", "emit"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"to": ["cafe"]}, "did you mean caffe"),
        ({"without": ["verfy"]}, "did you mean verify"),
        ({"to": ["caffe2"], "without": ["emit"]}, ""),
    ],
)
def test_what_cannot_be_made_is_refused(bench: Bench, words: dict[str, list[str]], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        bench.run(**words)
    assert said in caught.value.advice


def _refuse(task: Task) -> None:
    raise UnsupportedError.one("conv1", "is of no use here")


def test_a_stage_that_refuses_costs_only_what_needs_it(bench: Bench) -> None:
    harmless = Stage("count", "number", ("caffe",), _refuse)
    behind = Stage("sum", "total", ("number",), _refuse)
    outcome = bench.run(stages=(harmless, behind, *STAGES))
    states = {entry.name: entry.state for entry in outcome.record.stages}
    assert states == {**dict.fromkeys(NAMES, "done"), "count": "failed", "sum": "skipped"}
    assert outcome.exit_code == 4
    assert (bench.output / "predict_net.pb").exists()
    assert [event.stage for event in bench.events if isinstance(event, events.StageSkipped)] == ["sum"]


def test_of_several_failures_all_are_told_and_the_worst_decides(bench: Bench) -> None:
    def invalid(task: Task) -> None:
        raise InvalidInputError("damaged")

    one, other = Stage("a", "x", ("caffe",), _refuse), Stage("b", "y", ("caffe",), invalid)
    outcome = bench.run(stages=(one, other, *STAGES))
    assert [error.exit_code for error in outcome.errors] == [4, 5]
    assert outcome.exit_code == 5
    assert bench.run(stages=STAGES).exit_code == 0


def test_every_option_of_a_conversion_is_taken_by_a_stage_or_by_the_run_itself(tmp_path: Path) -> None:
    origins = dict.fromkeys(OPTIONS, "command line")
    dag.check_options(Options(model=tmp_path / "model.t7", origins=origins), discover())
