from pathlib import Path

from benchmarks import zoo
from benchmarks.zoo import Row, simulated, table, typical
from tests.cli.conftest import Program


def test_simulated_workers_do_all_models_and_no_faster_than_they_sleep(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(zoo, "_SIMULATED", (0.2, 8))
    row = simulated("some", 10_000, {"import": 0.04, "besides": 0.01}, 2, tmp_path)
    assert (row.zoo, row.how, row.models) == ("simulated: some, 0.05 s each", "2 workers", 8)
    assert row.seconds >= 0.2
    assert 0 < float(row.share.split()[0]) <= 1


def test_the_stages_of_a_typical_run_and_what_it_takes_besides_make_up_its_time(program: Program) -> None:
    program.convert("-q")
    stages = typical(program.output)
    assert [*stages] == ["import", "emit", "translate", "verify", "besides"]
    assert min(stages.values()) >= 0


def test_a_missed_goal_is_told() -> None:
    text = table([Row("some", "`-j 2`", 100, 50.0, "0.7 of linear", ">= 0.85", False)])
    assert text.splitlines()[2] == "| some | `-j 2` | 50.0 s | 2 | 0.7 of linear | >= 0.85 | missed |"
