from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.engine import batch, events
from pipeline.errors import MachineError, PipelineError, UsageError
from pipeline.stages.stage import Task
from pipeline.store.collect import check
from pipeline.store.store import Store
from tests.engine.fakes import EMIT, IMPORT, STAGES, TRANSLATE, import_graph
from tests.engine.test_batch import zoo
from tests.remotes import assert_shared_by

distributed = pytest.importorskip("distributed")
from pipeline.engine.executors import worker  # noqa: E402


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    """Two workers of somebody's, with the memory that they have."""
    how = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with distributed.LocalCluster(**how, host="127.0.0.1", resources={"memory": 1e9}) as cluster:
        yield cluster


def _die_once(task: Task) -> None:
    text = task.inputs["t7"].read_bytes()
    mark = task.output.parents[2] / text[4:].decode()
    if b"always" in text or (b"once" in text and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    import_graph(task)


MORTAL = (replace(IMPORT, run=_die_once), EMIT, TRANSLATE)


def test_what_a_killed_worker_had_begun_is_done_by_another_and_a_model_that_kills_is_set_aside(
    tmp_path: Path, cluster: distributed.LocalCluster
) -> None:
    runs = zoo(tmp_path, "a", "once", "always", "b", scheduler=cluster.scheduler_address)
    results = batch.convert_all(runs, lambda event: None, stages=MORTAL)
    assert [(r.model, r.exit_code) for r in results] == [("m0", 0), ("m1", 0), ("m2", 6), ("m3", 0)]
    assert "workers died" in results[2].error
    store = Store(tmp_path / "store")
    assert len(store.every_key()) == 3 * len(MORTAL)
    assert [what for _, what in check(store) if "left behind" not in what] == []


def test_the_same_command_again_does_what_is_missing_and_nothing_else(
    tmp_path: Path, cluster: distributed.LocalCluster
) -> None:
    runs = zoo(tmp_path, "a", "b", "c", scheduler=cluster.scheduler_address)
    batch.convert_all(runs[:2], lambda event: None, stages=STAGES)
    told: list[events.Event] = []
    batch.convert_all(runs, told.append, stages=STAGES)
    assert {event.model for event in told if isinstance(event, events.StageStarted)} == {"m2"}
    assert sum(isinstance(event, events.RunFinished) for event in told) == 3


def test_workers_fetch_from_a_remote_store_and_what_they_make_is_sent(
    tmp_path: Path, cluster: distributed.LocalCluster
) -> None:
    assert_shared_by(tmp_path, scheduler=cluster.scheduler_address)


def _refused(tmp_path: Path, cluster: distributed.LocalCluster) -> PipelineError:
    runs = zoo(tmp_path, "a", "b", scheduler=cluster.scheduler_address)
    with pytest.raises(PipelineError) as caught:
        batch.convert_all(runs, lambda event: None, stages=STAGES)
    return caught.value


def test_a_worker_with_other_versions_is_named_with_what_differs(
    tmp_path: Path, cluster: distributed.LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.engine.fingerprint.library", lambda name: "0.0.1")  # here, not in the workers
    error = _refused(tmp_path, cluster)
    assert isinstance(error, MachineError)
    assert "the worker tcp://127.0.0.1:" in error.what
    assert "would make other files in stage" in error.what
    assert "changed from 0.0.1 to" in error.why


def test_a_worker_whose_clock_differs_by_an_hour_is_named(
    tmp_path: Path, cluster: distributed.LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = worker.wanted
    monkeypatch.setattr(worker, "wanted", lambda *how: replace(wanted(*how), clock=time.time() + 3600))
    error = _refused(tmp_path, cluster)
    assert "its clock is 3600 s behind" in error.what


def test_a_worker_that_does_not_see_the_store_is_named(
    tmp_path: Path, cluster: distributed.LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = worker.wanted
    monkeypatch.setattr(worker, "wanted", lambda *how: replace(wanted(*how), session=tmp_path / "sessions" / "other"))
    error = _refused(tmp_path, cluster)
    assert "it does not see the store" in error.what
    assert error.where == str(tmp_path)


def test_a_store_whose_locks_keep_nobody_out_is_refused(
    tmp_path: Path, cluster: distributed.LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = tmp_path / "store/sessions/free"  # whose lock nobody holds: as on a file system where it reaches one host
    wanted = worker.wanted

    def unlocked(*how: object) -> worker.Wanted:
        free.mkdir()
        return replace(wanted(*how), session=free)

    monkeypatch.setattr(worker, "wanted", unlocked)
    assert "locks of the store's file system do not reach it" in _refused(tmp_path, cluster).what


def test_a_worker_of_several_threads_is_refused(tmp_path: Path) -> None:
    how = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with distributed.LocalCluster(**how, host="127.0.0.1") as cluster:
        error = _refused(tmp_path, cluster)
    assert "it has 2 threads" in error.what
    assert "--nthreads 1" in error.advice


def test_a_scheduler_that_does_not_answer_is_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.engine.executors.cluster._PATIENCE", 1)
    runs = zoo(tmp_path, "a", "b", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(MachineError, match="scheduler"):
        batch.convert_all(runs, lambda event: None, stages=STAGES)


def test_a_command_that_reaches_no_scheduler_ends_at_once(tmp_path: Path) -> None:
    for name in ("a.t7", "b.t7"):
        (tmp_path / name).write_bytes(b"")
    command = [sys.executable, "-m", "pipeline", "convert", "--scheduler", "nonsense"]
    ended = subprocess.run(
        [*command, tmp_path / "a.t7", tmp_path / "b.t7", "-o", tmp_path / "out", "--store", tmp_path / "store"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=40,  # a client of dask that never connected waits for 60 seconds before Python may end
        check=False,
    )
    assert ended.returncode == 6 and ended.stderr.startswith("error: the scheduler cannot be reached"), ended.stderr


def test_without_dask_the_package_to_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "pipeline.engine.executors.cluster", raising=False)
    with pytest.raises(UsageError) as caught:
        batch.convert_all(zoo(tmp_path, "a", "b", scheduler="local"), lambda event: None, stages=STAGES)
    assert caught.value.advice == "pip install 'torch2caffe2[distributed]'"
