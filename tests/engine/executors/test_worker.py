from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.engine import batch
from pipeline.engine.fingerprint import differences
from pipeline.engine.job import new_job
from pipeline.errors import MachineError, PipelineError
from tests.engine.fakes import STAGES, zoo

distributed = pytest.importorskip("distributed")
from pipeline.engine.executors import worker  # noqa: E402


def _refused(tmp_path: Path, cluster: distributed.LocalCluster) -> PipelineError:
    runs = zoo(tmp_path, "a", "b", scheduler=cluster.scheduler_address)
    with pytest.raises(PipelineError) as caught:
        batch.convert_all(runs, lambda event: None, stages=STAGES)
    return caught.value


@contextmanager
def _one_where(cluster: distributed.LocalCluster, module: str, name: str, value: object) -> Iterator[str]:
    """Have a name of a module be another value in the last worker; gives that one's address."""
    with distributed.Client(cluster, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        *_, address = client.scheduler_info(n_workers=-1)["workers"]
        client.run(_replace, module, name, value, workers=[address])
        try:
            yield str(address)
        finally:
            client.run(_put_back, module, name, workers=[address])


def _replace(module: str, name: str, value: object) -> None:
    there = importlib.import_module(module)
    there.__dict__[f"{name} before"] = getattr(there, name)
    setattr(there, name, value)


def _put_back(module: str, name: str) -> None:
    there = importlib.import_module(module)
    setattr(there, name, there.__dict__.pop(f"{name} before"))


def test_a_worker_with_other_versions_is_named_with_what_differs(
    tmp_path: Path, cluster: distributed.LocalCluster
) -> None:
    with _one_where(cluster, "pipeline.engine.fingerprint", "library", lambda name: "0.0.1") as address:
        error = _refused(tmp_path, cluster)
    assert error.exit_code == 6
    assert error.what.startswith(f"the worker {address} cannot take part: it would make other files in stage")
    assert f"the worker has protobuf 0.0.1, this program {version('protobuf')}" in error.why


@pytest.mark.parametrize(
    ("kind", "name", "here", "there", "told"),
    [
        ("libraries", "numpy", "2.1", "1.26", "the worker has numpy 1.26, this program 2.1"),
        ("libraries", "numpy", "2.1", "absent", "the worker has no numpy, this program 2.1"),
        ("environment", "OpenCV", None, "4.9", "the worker has OpenCV 4.9, this program none"),
        ("environment", "module swish", "1a", "2b", "the worker has another module swish"),
        ("code", "pipeline/caffe/files.py", "1a", "2b", "the worker has another pipeline/caffe/files.py"),
    ],
)
def test_what_differs_is_told_of_the_worker_and_of_this_program(
    kind: str, name: str, here: str | None, there: str, told: str
) -> None:
    (different,) = differences({kind: {name: here} if here else {}}, {kind: {name: there}})
    assert worker._told(different) == told


def _none_here(*how: object) -> list[object]:
    return []


@pytest.mark.parametrize("without", [[], ["verify"]])
def test_a_worker_with_other_runtimes_takes_part_where_nothing_is_verified(
    tmp_path: Path, cluster: distributed.LocalCluster, without: list[str]
) -> None:
    runs = zoo(tmp_path, "a", "b", scheduler=cluster.scheduler_address, without=without)
    with _one_where(cluster, "pipeline.runtimes.discovery", "runtimes", _none_here) as address:
        if without:
            results = batch.convert_all(runs, lambda event: None, stages=STAGES)
            assert [result.exit_code for result in results] == [0, 0]
        else:
            with pytest.raises(MachineError, match=f"{address} cannot take part.* in stage verify"):
                batch.convert_all(runs, lambda event: None, stages=STAGES)


def test_a_worker_whose_clock_differs_by_an_hour_is_named(tmp_path: Path, cluster: distributed.LocalCluster) -> None:
    with _one_where(cluster, worker.__name__, "_behind", lambda worker: 3600) as address:
        error = _refused(tmp_path, cluster)
    assert error.what == f"the worker {address} cannot take part: its clock is 3600 s behind the scheduler's"


def test_a_worker_that_does_not_see_the_store_is_named(
    tmp_path: Path, cluster: distributed.LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = worker.wanted
    monkeypatch.setattr(worker, "wanted", lambda *how: replace(wanted(*how), session=tmp_path / "sessions" / "other"))
    error = _refused(tmp_path, cluster)
    assert "it does not see the store" in error.what
    assert error.where == str(tmp_path)


def test_a_worker_that_comes_later_and_that_no_lock_keeps_out_does_not_take_part(
    tmp_path: Path, cluster: distributed.LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "is_kept_out", lambda session: True)  # said by those that were there before
    free = tmp_path / "store/sessions/free"  # whose lock nobody holds: as on a file system where it reaches one host
    wanted = worker.wanted

    def unlocked(*how: Any) -> worker.Wanted:
        free.mkdir()
        return replace(wanted(*how), session=free)

    monkeypatch.setattr(worker, "wanted", unlocked)
    assert "locks of the store's file system do not reach it" in _refused(tmp_path, cluster).what


def test_workers_are_asked_for_the_output_folders_that_a_first_run_makes(
    tmp_path: Path, cluster: distributed.LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted, asked = worker.wanted, list[worker.Wanted]()

    def remembered(*how: Any) -> worker.Wanted:
        asked.append(wanted(*how))
        return asked[0]

    monkeypatch.setattr(worker, "wanted", remembered)
    runs = zoo(tmp_path, "a", "b", scheduler=cluster.scheduler_address)
    batch.convert_all(runs, lambda event: None, stages=STAGES)
    assert asked[0].outputs == tuple(options.output for options in runs)


def test_a_worker_that_came_later_and_does_not_fit_leaves_its_model_to_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfit = worker.Convert("ours", worker.Wanted(tmp_path / "gone", {}, (), {}, zoo(tmp_path, "a")[0], by_files=True))
    left = []
    it = SimpleNamespace(state=SimpleNamespace(nthreads=2), address="tcp://late", plugins={"ours": unfit}, close=None)
    it.loop = SimpleNamespace(add_callback=lambda act, reason: left.append((act, reason)))
    monkeypatch.setattr(worker, "get_worker", lambda: it)
    with pytest.raises(MachineError, match="the worker tcp://late cannot take part: it has 2 threads"):
        unfit.setup(it)
    with pytest.raises(distributed.Reschedule):
        worker.work([(0, new_job(unfit.wanted.options))], "ours")
    assert left == [(it.close, "it cannot take part")]


def test_a_worker_of_several_threads_is_refused(tmp_path: Path) -> None:
    how = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with distributed.LocalCluster(**how, host="127.0.0.1") as cluster:
        error = _refused(tmp_path, cluster)
    assert "it has 2 threads" in error.what
    assert "--nthreads 1" in error.advice
