from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.config import Options
from pipeline.engine import batch, events, record, runner
from pipeline.engine.executors.executor import Executor, Result
from pipeline.engine.job import Job, new_job
from pipeline.errors import UnsupportedError
from pipeline.stages.stage import Task
from pipeline.store import writing
from tests.engine.fakes import EMIT, IMPORT, STAGES, TORCH, TRANSLATE, import_graph, zoo


def _wait_for(path: Path) -> None:
    for _ in range(6000):
        if path.exists():
            return
        threading.Event().wait(0.01)
    raise TimeoutError(path)


def _import_or_refuse(task: Task) -> None:
    text = task.inputs["t7"].read_bytes()
    if b"unsupported" in text:
        raise UnsupportedError.one("nn.Strange", "it is too strange")
    if b"bug" in text:
        raise ZeroDivisionError("oops")
    if b"interrupt" in text:
        raise KeyboardInterrupt
    if b"wait" in text:
        _wait_for(task.output.parents[2] / "asked")
    if b"die" in text:
        os._exit(9)
    import_graph(task)


PICKY = (replace(IMPORT, run=_import_or_refuse), EMIT, TRANSLATE)


@pytest.mark.parametrize(("jobs", "scheduler"), [(1, ""), (2, ""), (2, "local")])
def test_a_failure_does_not_stop_the_other_models(tmp_path: Path, jobs: int, scheduler: str) -> None:
    runs = zoo(tmp_path, "a", "unsupported", "bug", "b", jobs=jobs, scheduler=scheduler)
    told: list[events.Event] = []
    results = batch.convert_all(runs, told.append, stages=PICKY)
    assert [(r.model, r.exit_code) for r in results] == [("m0", 0), ("m1", 4), ("m2", 1), ("m3", 0)]
    assert "nn.Strange: it is too strange" in results[1].error
    assert "a bug" in results[2].error
    assert (tmp_path / "out/m3/manifest.json").exists()
    finished = {e.model: e.exit_code for e in told if isinstance(e, events.RunFinished)}
    assert finished == {"m0": 0, "m1": 4, "m2": 1, "m3": 0}


def test_an_interruption_stops_the_models_that_follow(tmp_path: Path) -> None:
    results = batch.convert_all(zoo(tmp_path, "a", "interrupt", "b"), lambda event: None, stages=PICKY)
    assert [r.exit_code for r in results] == [0, 130]


@pytest.mark.parametrize(("twice", "scheduler"), [(False, ""), (True, ""), (False, "local")])
def test_ctrl_c_lets_every_process_finish_its_stage_and_begins_no_other_model(
    tmp_path: Path, twice: bool, scheduler: str
) -> None:
    runs = zoo(tmp_path, "wait 1", "wait 2", "a", "b", jobs=2, scheduler=scheduler)
    told: list[events.Event] = []

    def report(event: events.Event) -> None:
        told.append(event)
        started, asked = (sum(isinstance(e, kind) for e in told) for kind in (events.StageStarted, events.StopAsked))
        if (isinstance(event, events.StageStarted) and started == 2) or (twice and asked == 2):  # and a third, a fourth
            os.kill(os.getpid(), signal.SIGINT)
        elif asked == 2:
            (tmp_path / "store" / "asked").touch()

    results = batch.convert_all(runs, report, stages=PICKY)
    assert [(r.model, r.exit_code) for r in results] == [("m0", 130), ("m1", 130)]
    finished = [e.stage for e in told if isinstance(e, events.StageFinished)]
    assert finished == ([] if twice else ["import", "import"])


def test_a_process_that_dies_costs_its_model_and_no_other(tmp_path: Path) -> None:
    told: list[events.Event] = []
    results = batch.convert_all(zoo(tmp_path, "die", "a", "die", "b", "c", jobs=2), told.append, stages=PICKY)
    assert [r.exit_code for r in results] == [6, 0, 6, 0, 0]
    assert "the process that converted it died" in results[0].error
    finished = {event.model for event in told if isinstance(event, events.RunFinished)}
    assert finished == {"m1", "m3", "m4"}


def test_a_process_that_dies_takes_one_with_it_that_has_nothing_to_do(tmp_path: Path) -> None:
    def report(event: events.Event) -> None:
        if isinstance(event, events.RunFinished) and event.model == "m1":
            (tmp_path / "store" / "asked").touch()

    results = batch.convert_all(zoo(tmp_path, "wait, die", "a", jobs=2), report, stages=PICKY)
    assert [r.exit_code for r in results] == [6, 0]


def test_models_with_the_same_bytes_share_their_work(tmp_path: Path) -> None:
    told: list[events.Event] = []
    batch.convert_all(zoo(tmp_path, "a", "a", "a", jobs=2), told.append, stages=STAGES)
    started = [e.stage for e in told if isinstance(e, events.StageStarted)]
    assert sorted(started) == sorted(stage.name for stage in STAGES)


class _Sent(Executor):
    """Keeps the names of the jobs that it is given, and does none."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def start(self, work: Sequence[Job], report: events.Reporter) -> None:
        assert work

    def submit(self, work: Sequence[Job]) -> list[Result]:
        self.names += [job.name for job in work]
        return [lambda: None for _ in work]

    def stop(self) -> None:
        pass


def _sent(runs: Sequence[Options]) -> tuple[list[str], list[str]]:
    """Return which of these models are done here, and which are sent away."""
    executor = _Sent()
    done = batch.do_all([new_job(options, stages=STAGES) for options in runs], lambda event: None, executor)
    return [result.model for result in done], executor.names


def test_what_is_cached_and_lies_as_delivered_is_sent_nowhere(tmp_path: Path) -> None:
    runs = zoo(tmp_path, "a", "b", "c", "d")
    assert _sent(runs) == ([], ["m0", "m1", "m2", "m3"])
    batch.convert_all(runs, lambda event: None, stages=STAGES)
    assert _sent(runs) == (["m0", "m1", "m2", "m3"], [])
    (tmp_path / "m0.t7").write_bytes(TORCH + b"other")
    (tmp_path / "out/m1/predict_net.pb").unlink()
    assert _sent([*runs[:2], replace(runs[2], force=("emit",)), runs[3]]) == (["m3"], ["m0", "m1", "m2"])


def test_the_records_of_models_that_wait_are_confirmed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    confirmed, confirm = list[int](), writing.confirm
    monkeypatch.setattr(writing, "confirm", lambda *paths: [confirmed.append(len(paths)), confirm(*paths)])
    runs = zoo(tmp_path, "a", "b", "c", "d")
    runner.wait(runs, lambda event: None)
    assert {record.load(options.output).state for options in runs} == {record.WAITING}
    facts = [8, 1]  # that the store is not the user's own: of each folder, and of the mark of each
    assert confirmed == [*facts, 4, 4]


def test_a_record_that_cannot_be_written_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, runs = record.RunRecord.write, zoo(tmp_path, "a", "b", "c")

    def refuse(found: record.RunRecord, path: Path) -> None:
        if path.parent == runs[1].output:
            raise OSError(errno.EDQUOT, "no more room for you", str(path))
        write(found, path)

    monkeypatch.setattr(record.RunRecord, "write", refuse)
    runner.wait(runs, lambda event: None)
    assert [sorted(path.name for path in options.output.iterdir()) for options in runs] == [
        [record.RECORD],
        [],
        [record.RECORD],
    ]
