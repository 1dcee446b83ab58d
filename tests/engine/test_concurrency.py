"""Several processes and one store."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.engine import runner
from pipeline.engine.events import unheard
from pipeline.engine.reporters import LOG
from pipeline.store import collect
from tests.children import ended, forked
from tests.engine.fakes import NAMES, STAGES, TORCH, Bench

MODELS = 2
PROCESSES_A_MODEL = 4


def test_eight_processes_share_a_store_and_no_stage_runs_twice(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    children = []
    outputs = []
    for model in range(MODELS):
        path = tmp_path / f"m{model}.t7"
        path.write_bytes(TORCH + bytes([model]))
        for copy in range(PROCESSES_A_MODEL):
            outputs.append(tmp_path / f"out-{model}-{copy}")
            options = bench.options(model=path, output=outputs[-1])
            children.append(forked(lambda options=options: runner.run(options, unheard, stages=STAGES).exit_code))
    assert [ended(child) for child in children] == [0] * len(children)
    started = []
    for output in outputs:
        told = [json.loads(line) for line in (output / LOG).read_text().splitlines()]
        started += [(event["model"], event["stage"]) for event in told if event["event"] == "stage_started"]
    assert sorted(started) == sorted((f"m{model}", stage) for model in range(MODELS) for stage in NAMES)
    for model in range(MODELS):
        results = {
            tuple(
                sorted(
                    (path.name, path.read_bytes()) for path in output.iterdir() if path.suffix in (".pb", ".prototxt")
                )
            )
            for output in outputs
            if output.name.startswith(f"out-{model}-")
        }
        assert len(results) == 1
    assert collect.check(bench.store) == []
