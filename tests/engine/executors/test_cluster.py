from __future__ import annotations

import errno
import fcntl
import importlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.engine import batch, events, guards
from pipeline.engine.fingerprint import differences
from pipeline.engine.job import new_job
from pipeline.errors import MachineError, PipelineError, UsageError
from pipeline.stages.stage import Task
from pipeline.store.collect import check
from pipeline.store.store import Store
from pipeline.supervision import STOPS
from tests.engine.executors.wire import Wire
from tests.engine.fakes import EMIT, IMPORT, STAGES, TRANSLATE, import_graph, zoo
from tests.remotes import assert_shared_by
from tests.torture.disk import mounted

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")
from pipeline.engine.executors import cluster as executors_cluster  # noqa: E402
from pipeline.engine.executors import worker  # noqa: E402

LIMIT = 600_000_000  # bytes that a worker may take
UNLOCKED = "without locks"  # a folder in which no process of the cluster is granted a lock, where there is a compiler


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the library by which the workers get no locks; empty where it cannot be made."""
    library = tmp_path_factory.mktemp("preloaded") / "flock.so"
    if sys.platform != "linux" or not (compiler := shutil.which("cc")):
        return ""
    source = Path(__file__).with_name("flock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True, timeout=60)
    return str(library)


@pytest.fixture(scope="module")
def cluster(preloaded: str) -> Iterator[distributed.LocalCluster]:
    """Two workers of somebody's, with the memory that they have."""
    how = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    settings = {
        "distributed.nanny.pre-spawn-environ.LD_PRELOAD": preloaded,
        "distributed.scheduler.locks.lease-timeout": "4s",
        "distributed.deploy.lost-worker-timeout": "1 week",
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(**how, host="127.0.0.1", memory_limit=LIMIT, resources={"memory": LIMIT}) as cluster,
    ):
        yield cluster


def _die_once(task: Task) -> None:
    text = task.inputs["t7"].read_bytes()
    mark = task.output.parents[2] / text[4:].decode()
    if b"once" in text and not mark.exists():
        mark.touch()
        if os.fork() == 0:
            _hold(task.inputs["t7"].parent / "out" / task.inputs["t7"].stem, task.output.parents[1])
        os.kill(os.getpid(), signal.SIGKILL)
    if b"hog" in text:
        hoarded = b"\xff" * LIMIT
        time.sleep(60)
        assert hoarded
    import_graph(task)


def _hold(output: Path, sessions: Path) -> None:
    """Keep the lock of an output folder until another has begun there, as a worker that the scheduler cannot reach."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            if descriptor.readlink() != output:
                os.close(int(descriptor.name))
    for _ in range(3000):
        if any(len(list(begun.iterdir())) > 1 for begun in sessions.glob("*/begun-[01]")):
            break
        time.sleep(0.01)
    time.sleep(0.5)
    os._exit(0)


MORTAL = (replace(IMPORT, run=_die_once), EMIT, TRANSLATE)


def test_what_a_killed_worker_had_begun_is_done_by_another_and_a_model_that_kills_is_set_aside(
    tmp_path: Path, cluster: distributed.LocalCluster
) -> None:
    more = map(str, range(12))  # so that a worker is sent two at a time
    runs = zoo(tmp_path, "a", "once", "b", "hog", *more, scheduler=cluster.scheduler_address)
    results = batch.convert_all(runs, lambda event: None, stages=MORTAL)
    assert {r.model: r.exit_code for r in results if r.exit_code} == {"m3": 6}
    assert results[3].errors[0]["what"] == "3 workers died with this model"
    assert results[3].errors[0]["why"].count("(more memory than it has)") == 3
    store = Store(tmp_path / "store")
    assert len(store.every_key()) == (len(runs) - 1) * len(MORTAL)
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


def _wait_until(met: Callable[[], bool]) -> None:
    while not met():
        time.sleep(0.01)


def _long(task: Task) -> None:
    if b"long" in task.inputs["t7"].read_bytes():
        _wait_until((task.output.parents[2] / "over").exists)
    import_graph(task)


LONG = (replace(IMPORT, run=_long), EMIT, TRANSLATE)


def test_a_network_cut_between_client_and_scheduler_ends_the_command_and_the_same_again_goes_on(
    tmp_path: Path, cluster: distributed.LocalCluster
) -> None:
    wire = Wire(cluster.scheduler_address)
    runs = zoo(tmp_path, "long 1", "long 2", "b", scheduler=wire.address)
    begun: list[str] = []

    def report(event: events.Event) -> None:
        begun.extend([event.model] if isinstance(event, events.StageStarted) else [])
        if len(begun) == 2:
            wire.cut()

    results = batch.convert_all(runs, report, stages=LONG)
    assert [(r.exit_code, r.errors[0]["what"]) for r in results] == [(6, "the scheduler is gone")] * 3
    (tmp_path / "store/over").touch()
    for name in ("m0", "m1"):
        _wait_until(lambda output=tmp_path / "out" / name: _is_over(output))  # workers end what they have begun
    told: list[events.Event] = []
    runs = tuple(replace(options, scheduler=cluster.scheduler_address) for options in runs)
    assert [r.exit_code for r in batch.convert_all(runs, told.append, stages=LONG)] == [0, 0, 0]
    assert {event.model for event in told if isinstance(event, events.StageStarted)} == {"m2"}


def _is_over(output: Path) -> bool:
    with suppress(MachineError), guards.only_one(output):
        return (output / "manifest.json").exists()
    return False


def test_a_full_disk_under_the_workers_is_told_and_the_same_command_goes_on_when_there_is_room(
    tmp_path: Path, cluster: distributed.LocalCluster
) -> None:
    runs = zoo(tmp_path, "a", "b", scheduler=cluster.scheduler_address)
    with ExitStack() as stack:
        try:
            again = stack.enter_context(mounted(tmp_path / "store", 1 << 20))
        except OSError as error:
            pytest.skip(f"a disk of 1 MB cannot be mounted: {error.strerror}")
        results = batch.convert_all(runs, lambda event: None, stages=STAGES)
        assert [(r.exit_code, r.errors[0]["why"]) for r in results] == [(6, "No space left on device")] * 2
        assert "make room" in results[0].error
        again("size=64m")
        results = batch.convert_all(runs, lambda event: None, stages=STAGES)
        assert [r.exit_code for r in results] == [0, 0]


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


def _slowly(task: Task) -> None:
    time.sleep(0.3)  # so that whoever does not wait for it makes it too
    _die_once(task)


SLOW = (replace(IMPORT, run=_slowly), EMIT, TRANSLATE)


@pytest.mark.parametrize(("content", "here_too", "dead"), [("a", False, 0), ("once", True, 1)])
def test_where_the_file_system_grants_no_locks_the_schedulers_stand_in(
    tmp_path: Path,
    cluster: distributed.LocalCluster,
    preloaded: str,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    here_too: bool,
    dead: int,
) -> None:
    if not preloaded:
        pytest.skip("no C compiler makes what takes the locks away")
    folder = tmp_path / UNLOCKED
    folder.mkdir()
    runs = zoo(folder, content, content, "b", scheduler=cluster.scheduler_address)
    if here_too:
        monkeypatch.setattr(fcntl, "flock", _no_locks)
    told: list[events.Event] = []
    results = batch.convert_all(runs, told.append, stages=SLOW)
    assert [(r.exit_code, r.error) for r in results] == [(0, "")] * 3
    made = [(event.model, event.stage) for event in told if isinstance(event, events.StageStarted)]
    assert len(made) == 2 * len(SLOW) + dead
    assert len(list((folder / "store/sessions").iterdir())) == dead  # of which nobody can tell that it died


def _no_locks(descriptor: int, how: int) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


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


def test_nothing_of_a_command_stays_with_the_workers(tmp_path: Path, cluster: distributed.LocalCluster) -> None:
    runs = zoo(tmp_path, "a", "b", scheduler=cluster.scheduler_address)
    with distributed.Client(cluster, set_as_default=False) as client:
        before = client.run(lambda dask_worker: list(dask_worker.plugins))
        batch.convert_all(runs, lambda event: None, stages=STAGES)
        assert client.run(lambda dask_worker: list(dask_worker.plugins)) == before


def test_a_worker_of_several_threads_is_refused(tmp_path: Path) -> None:
    how = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with distributed.LocalCluster(**how, host="127.0.0.1") as cluster:
        error = _refused(tmp_path, cluster)
    assert "it has 2 threads" in error.what
    assert "--nthreads 1" in error.advice


def test_what_a_terminal_sends_to_all_its_processes_does_not_kill_the_workers_of_local() -> None:
    with executors_cluster._local(1) as running, distributed.Client(running, set_as_default=False) as client:
        (process,) = client.run(os.getpid).values()
        for number in STOPS:
            os.kill(process, number)
        assert list(client.run(os.getpid).values()) == [process]


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
