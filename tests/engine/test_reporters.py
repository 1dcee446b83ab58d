from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from pipeline.engine import events
from pipeline.engine.live import Rich
from pipeline.engine.reporters import LOG, EventLog, JsonLines, Plain, progress_text, seconds_text, several, size_text
from pipeline.stages.stage import Task
from tests.engine.fakes import NAMES, STAGES, TRANSLATE, Bench, translate


def test_the_run_loop_prints_nothing(bench: Bench, capfd: object) -> None:
    bench.run()
    assert capfd.readouterr() == ("", "")  # type: ignore[attr-defined]


def test_plain_lines_say_what_ran_and_why(bench: Bench) -> None:
    bench.run()
    stream = io.StringIO()
    bench.run(root="x")
    for event in bench.events:
        Plain(stream)(event)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "import     running  option root changed from nothing to x"
    assert lines[-1].startswith("done in ")
    assert any(line.startswith("translate  cached") for line in lines)


def test_the_states_of_all_stages_stand_below_each_other_however_long_a_name_is() -> None:
    stream, stages = io.StringIO(), ("import", "export-pytorch")
    report = Plain(stream)
    report(events.RunStarted("m", "run", "m.t7", "out", stages))
    for stage in stages:
        report(events.StageHit("m", stage, "key", 0.0, 5))
        report(events.StageNote("m", stage, "well"))
    columns = {
        line.index(word) for line in stream.getvalue().splitlines() for word in ("cached", "note") if word in line
    }
    assert columns == {len("export-pytorch ")}


def test_each_event_is_one_line_of_json_with_its_name(bench: Bench) -> None:
    bench.run()
    stream = io.StringIO()
    for event in bench.events:
        JsonLines(stream)(event)
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert told[0]["event"] == "run_started"
    assert told[-1]["event"] == "run_finished"
    assert [e["stage"] for e in told if e["event"] == "stage_finished"] == NAMES


def test_every_run_leaves_a_log_in_its_folder(bench: Bench) -> None:
    for _ in range(2):
        bench.run()
    told = [json.loads(line) for line in (bench.output / LOG).read_text().splitlines()]
    assert [e["event"] for e in told if e["event"].startswith("run_")] == ["run_started", "run_finished"] * 2
    assert not [e for e in told if e["event"] == "stage_progress"]


def test_a_log_that_cannot_be_written_does_not_stop_the_run(bench: Bench) -> None:
    log = EventLog()
    log(events.RunStarted("m", "1", "s", str(bench.folder / "nowhere"), ()))
    log(events.RunFinished("m", "done", 0, 1.0, ""))


def test_a_terminal_sees_a_line_for_each_stage(bench: Bench) -> None:
    bench.run()
    stream = io.StringIO()
    with Rich(stream, color=False) as rich:
        for event in bench.events:
            several([rich])(event)
    shown = stream.getvalue()
    assert [name for name in NAMES if name in shown] == NAMES
    assert "done" in shown


def test_a_terminal_sees_a_line_for_each_of_several_models(bench: Bench) -> None:
    bench.run()
    stream = io.StringIO()
    with Rich(stream, many=True, color=False) as rich:
        for event in bench.events:
            rich(event)
    assert stream.getvalue().splitlines()[-1].split()[:2] == ["model", "done"]


def test_what_a_stage_has_found_is_told_by_every_reporter_and_again_where_its_artifact_is_used(bench: Bench) -> None:
    def told(task: Task) -> None:
        translate(task)
        task.note("loss: [left out]")

    stages = tuple(replace(stage, run=told) if stage is TRANSLATE else stage for stage in STAGES)
    for state in ("done", "hit"):
        outcome = bench.run(stages=stages)
        entry = outcome.record.stages[2]
        assert (entry.state, entry.notes) == (state, ["loss: [left out]"])
        plain, terminal = io.StringIO(), io.StringIO()
        with Rich(terminal, color=False) as rich:
            for event in bench.events:
                several([Plain(plain), rich])(event)
        for stream in (plain, terminal):
            assert "translate  note     loss: [left out]\n" in stream.getvalue()


def test_progress_tells_bytes_rate_and_time_left() -> None:
    event = events.StageProgress("m", "emit", 300 * 10**6, 1000 * 10**6, "bytes")
    assert progress_text(event) == "300 MB of 1.0 GB"
    assert progress_text(event, 200 * 10**6, 2.0) == "300 MB of 1.0 GB, 100 MB/s, 7 s left"
    assert progress_text(events.StageProgress("m", "verify", 2, 5, "checks"), 2, 60.0) == (
        "2 of 5 checks, 1 min 30 s left"
    )
    assert progress_text(events.StageProgress("m", "verify", 5, 5, "checks"), 5, 60.0) == "5 of 5 checks"


def test_a_terminal_sees_the_pace_of_a_stage_on_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(float(second) for second in range(100))
    monkeypatch.setattr("pipeline.engine.live.time.monotonic", lambda: next(clock))
    rich = Rich(io.StringIO(), color=False)  # not entered: nothing is drawn by itself
    rich(events.RunStarted("m", "1", "m.t7", "out", ("import", "emit")))
    rich(events.StageStarted("m", "import", "ab", ("this is its first run for this model",)))
    for done in (100, 200):
        rich(events.StageProgress("m", "import", done * 10**6, 500 * 10**6, "bytes"))
    assert rich.rows["import"].note == "200 MB of 500 MB, 100 MB/s, 3 s left"
    assert (rich.rows["import"].clock, rich.rows["emit"].state) == ("3.0 s", "pending")
    rich(events.StageFinished("m", "import", "ab", 4.0, 500 * 10**6))
    assert (rich.rows["import"].clock, rich.rows["import"].note) == ("4.0 s", "500 MB")


def test_numbers_are_told_as_people_read_them() -> None:
    assert [size_text(n) for n in (0, 999, 1000, 123456, 5 * 10**9)] == ["0 B", "999 B", "1.0 kB", "123 kB", "5.0 GB"]
    assert [seconds_text(s) for s in (0.0123, 1.26)] == ["12 ms", "1.3 s"]


def test_a_log_with_a_second_name_elsewhere_is_continued_as_a_file_of_its_own(bench: Bench) -> None:
    bench.run()
    other = bench.folder / "other"
    other.hardlink_to(bench.output / LOG)
    before = other.read_bytes()
    bench.run()
    assert other.read_bytes() == before
    assert (bench.output / LOG).read_bytes().startswith(before)
    assert len((bench.output / LOG).read_bytes()) > len(before)


def test_no_link_in_the_place_of_the_log_is_written_through(bench: Bench) -> None:
    bench.output.mkdir()
    elsewhere = bench.folder / "elsewhere"
    (bench.output / LOG).symlink_to(elsewhere)
    log = EventLog()
    log(events.RunStarted("model", "run", "model.t7", str(bench.output), ()))
    log(events.RunFinished("model", "done", 0, 0.1, str(bench.output)))
    assert not elsewhere.exists()
