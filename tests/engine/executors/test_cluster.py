from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.engine import batch, events, guards
from pipeline.errors import MachineError, UsageError
from pipeline.stages.stage import Task
from pipeline.store.collect import check
from pipeline.store.store import Store
from pipeline.supervision import STOPS
from tests.engine.executors.wire import Wire
from tests.engine.executors.workers import LIMIT, UNLOCKED
from tests.engine.fakes import EMIT, IMPORT, STAGES, TRANSLATE, import_graph, zoo
from tests.remotes import assert_shared_by
from tests.torture.disk import mounted

distributed = pytest.importorskip("distributed")
from pipeline.engine.executors import cluster as executors_cluster  # noqa: E402


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


def test_nothing_of_a_command_stays_with_the_workers(tmp_path: Path, cluster: distributed.LocalCluster) -> None:
    runs = zoo(tmp_path, "a", "b", scheduler=cluster.scheduler_address)
    with distributed.Client(cluster, set_as_default=False) as client:
        before = client.run(lambda dask_worker: list(dask_worker.plugins))
        batch.convert_all(runs, lambda event: None, stages=STAGES)
        assert client.run(lambda dask_worker: list(dask_worker.plugins)) == before


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
