from __future__ import annotations

from dataclasses import replace

from pipeline.engine.status import Status, look
from pipeline.errors import UnsupportedError
from pipeline.stages.stage import Task
from tests.engine.fakes import EMIT, IMPORT, STAGES, TORCH, TRANSLATE, VERIFY, Bench


def _status(bench: Bench) -> Status:
    return look(bench.output, STAGES)


def test_a_pair_that_an_interrupted_run_started_from_is_of_no_earlier_run(bench: Bench) -> None:
    def interrupted(task: Task) -> None:
        raise KeyboardInterrupt

    model, weights = bench.folder / "n.prototxt", bench.folder / "n.caffemodel"
    model.write_text('name: "n"\n')
    weights.write_bytes(b"\xffweights")
    bench.run(model=model, weights=weights, stages=(TRANSLATE, replace(VERIFY, run=interrupted)))
    found = _status(bench)
    assert found.record.delivered.keys() >= {"deploy.prototxt", "model.caffemodel"}
    assert found.older == []
    assert ("state", "interrupted") in found.rows()


def test_files_of_the_run_before_one_that_failed_are_named(bench: Bench) -> None:
    def unsupported(task: Task) -> None:
        raise UnsupportedError.one("conv1", "it is too strange")

    bench.run()
    bench.model.write_bytes(TORCH + b"other")
    bench.run(stages=(IMPORT, replace(EMIT, run=unsupported)))
    found = _status(bench)
    assert {*found.older} == found.record.delivered.keys()
    assert ("state", "failed: 1 part of the network cannot be converted") in found.rows()
