from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.engine import record
from pipeline.errors import InvalidInputError
from tests.children import in_child
from tests.engine.fakes import EMIT, IMPORT, NAMES, STAGES, Bench
from tests.support import edit_record


def _killed_in_emit(bench: Bench, **typed: object) -> None:
    """Run in a child that is killed while the second stage runs."""
    stages = (IMPORT, replace(EMIT, run=lambda task: signal.raise_signal(signal.SIGKILL)))
    assert in_child(lambda: bench.run(stages=stages, **typed).exit_code) == -signal.SIGKILL


def _states(bench: Bench) -> list[str]:
    return [stage.state for stage in record.load(bench.output).stages]


def test_a_record_is_written_where_a_run_begins_before_it_delivers_and_where_it_ends(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved, write = [], record.RunRecord.write

    def look(found: record.RunRecord, path: Path) -> None:
        saved.append((found.state, {stage.state for stage in found.stages}, bool(found.pending)))
        write(found, path)

    monkeypatch.setattr(record.RunRecord, "write", look)
    bench.run()
    assert saved == [("running", {"pending"}, False), ("running", {"done"}, True), ("done", {"done"}, False)]


def test_of_a_run_that_was_killed_the_log_tells_how_far_it_was(bench: Bench) -> None:
    _killed_in_emit(bench)
    first, second = record.load(bench.output).stages
    (artifact,) = bench.store.artifacts()
    assert (first.state, first.key, first.digest, first.size) == ("done", artifact.key, artifact.digest, artifact.size)
    assert (second.state, second.reasons) == ("running", ["this is its first run for this model"])
    assert second.started > record.load(bench.output).started


def test_a_log_of_very_many_runs_is_read_from_its_last_megabyte(bench: Bench) -> None:
    _killed_in_emit(bench)
    log = bench.output / record.LOG
    told, long = log.read_bytes(), b'{"event": "stage_finished"}\n' * 100_000
    log.write_bytes(long + told)
    assert _states(bench) == ["done", "running"]
    log.write_bytes(told + long)
    assert _states(bench) == ["pending", "pending"]


def test_a_stage_that_was_forced_and_finished_is_not_made_once_more(bench: Bench) -> None:
    _killed_in_emit(bench, force=["import", "emit"])
    bench.resume(stages=(IMPORT, EMIT))
    assert (bench.hits(), bench.ran()) == (["import"], ["emit"])


def test_a_log_of_another_run_tells_nothing(bench: Bench) -> None:
    bench.run()
    path = bench.output / record.RECORD
    told = json.loads(path.read_text())
    for stage in told["stages"]:
        stage["state"] = "pending"
    path.write_text(json.dumps({**told, "state": "running"}))
    assert _states(bench) == ["done"] * 4
    path.write_text(json.dumps({**told, "state": "running", "run": "another"}))
    assert _states(bench) == ["pending"] * 4


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "stage_finished", "stage": "import", "size": "large"}',
        '{"event": "stage_finished", "stage": "import", "key": "../x"}',
        '{"event": "stage_started", "stage": "import", "time": 7}',
        '{"event": "stage_finished", "stage": ["import"]}',
        '{"event": ["stage_finished"], "stage": "import"}',
        "[" * 100_000,
    ],
)
def test_a_log_that_says_what_none_would_tells_nothing(bench: Bench, line: str) -> None:
    _killed_in_emit(bench)
    with (bench.output / record.LOG).open("a") as log:
        log.write(f"{line}\n")
    assert _states(bench) == ["pending", "pending"]


@pytest.mark.parametrize("line", ["", '{"event": "stage_fin', "7", "\0" * 100, '{"event": "unheard"}'])
def test_what_is_broken_off_in_a_log_hides_nothing_else(bench: Bench, line: str) -> None:
    _killed_in_emit(bench)
    with (bench.output / record.LOG).open("a") as log:
        log.write(f"{line}\n")
    assert _states(bench) == ["done", "running"]
    assert bench.resume(stages=STAGES).exit_code == 0
    assert (bench.hits(), bench.ran()) == (["import"], NAMES[1:])


@pytest.mark.parametrize(
    ("option", "value"),
    [("seed", -1), ("jobs", 0), ("tolerance", -1.0), ("name", ".."), ("inputs", ["x"]), ("limits", ["all=1"])],
)
def test_options_that_no_run_obeys_make_a_record_of_none(bench: Bench, option: str, value: object) -> None:
    bench.run()
    edit_record(bench.output, lambda record: record["options"].update({option: value}))
    with pytest.raises(InvalidInputError, match="not a run record") as caught:
        record.load(bench.output)
    assert option.rstrip("s") in caught.value.why
