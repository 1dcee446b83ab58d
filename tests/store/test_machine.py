"""What happens when the machine refuses: exit code 6, a place, and a run that can be resumed."""

from __future__ import annotations

import errno
import fcntl
import os
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from pipeline.engine import guards, runner
from pipeline.errors import MachineError, UsageError
from pipeline.stages.stage import Task
from pipeline.store.collect import Limits, collect
from pipeline.store.machine import on_machine
from pipeline.store.store import Store, opened
from tests.engine.fakes import EMIT, IMPORT, NAMES, TRANSLATE, VERIFY, Bench


def _failing(number: int, place: str):
    def run(task: Task) -> None:
        (task.output / "half").write_bytes(b"half")
        raise OSError(number, os.strerror(number), place)

    return run


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO, errno.ESTALE])
def test_what_the_system_refuses_inside_a_stage_is_told_with_its_place(bench: Bench, number: int) -> None:
    stages = (IMPORT, replace(EMIT, run=_failing(number, "/full/model.caffemodel")), TRANSLATE, VERIFY)
    outcome = bench.run(stages=stages)
    assert outcome.exit_code == 6
    assert outcome.error is not None
    assert outcome.error.where == "/full/model.caffemodel"
    assert outcome.error.why == os.strerror(number)
    assert outcome.error.advice
    assert bench.resume().exit_code == 0
    assert bench.hits() == ["import"]


def test_a_full_disk_that_numpy_reports_without_a_number_is_understood(bench: Bench) -> None:
    def full(task: Task) -> None:
        raise OSError("1000 requested and 12 written")

    outcome = bench.run(stages=(replace(IMPORT, run=full),))
    assert isinstance(outcome.error, MachineError)
    assert "requested" in outcome.error.why


def test_what_a_writer_says_of_a_full_disk_gets_its_place_and_advice(bench: Bench) -> None:
    from pipeline.wire import splice

    def write(task: Task) -> None:
        splice.write(task.output / "gone" / "model.caffemodel", [b"net"])

    outcome = bench.run(stages=(replace(IMPORT, run=write),))
    assert outcome.exit_code == 6
    assert outcome.error is not None
    assert outcome.error.where.endswith("gone/model.caffemodel")
    assert outcome.error.advice


def test_an_output_folder_that_disappears_is_told_by_the_command(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    from pipeline.cli.app import run

    def vanish(task: Task) -> None:
        shutil.rmtree(bench.output)

    monkeypatch.setattr(runner, "discover", lambda: (replace(IMPORT, run=vanish),))
    words = ("convert", str(bench.model), "--output", str(bench.output), "--store", str(bench.root))
    assert run([*words, "-q"]) == 6
    said = capsys.readouterr().err
    assert str(bench.output) in said
    assert "resume with" not in said  # there is no record left to resume from


def test_too_little_memory_is_the_machine_and_not_a_bug(bench: Bench) -> None:
    def greedy(task: Task) -> None:
        raise MemoryError

    assert bench.run(stages=(replace(IMPORT, run=greedy),)).exit_code == 6


def test_an_fsync_that_fails_publishes_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real, counted = os.fsync, count(1)

    def failing(descriptor: int) -> None:
        if next(counted) == 8:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    outcome = bench.run()
    assert outcome.exit_code == 6
    monkeypatch.setattr(os, "fsync", real)
    assert bench.resume().exit_code == 0
    assert sorted(bench.hits() + bench.ran()) == sorted(NAMES)


def test_a_store_that_cannot_be_made_is_told_before_any_work(bench: Bench) -> None:
    (bench.folder / "file").write_text("")
    with pytest.raises(MachineError) as caught:
        bench.run(store=bench.folder / "file" / "store")
    assert "file" in caught.value.where


def test_an_output_folder_that_cannot_be_made_is_told_before_any_work(bench: Bench) -> None:
    (bench.folder / "file").write_text("")
    with pytest.raises(UsageError, match="must be a folder"):
        bench.run(output=bench.folder / "file" / "out")


def test_a_store_that_disappears_is_told(bench: Bench) -> None:
    import shutil

    def vanish(task: Task) -> None:
        shutil.rmtree(bench.root)

    assert bench.run(stages=(replace(IMPORT, run=vanish),)).exit_code == 6


def test_two_runs_into_one_folder_do_not_mix(bench: Bench) -> None:
    bench.output.mkdir()
    with guards.only_one(bench.output), pytest.raises(MachineError, match="another run"):
        bench.run()


def test_a_disk_that_is_really_full_is_told_and_the_run_resumes(tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk, which needs root."""
    import resource
    import signal

    bench = Bench(tmp_path)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        os._exit(bench.run().exit_code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 6
    assert bench.resume().exit_code == 0
    assert sorted(bench.hits() + bench.ran()) == sorted(NAMES)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you"),
        RuntimeError("can't start new thread"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
)
def test_a_want_of_memory_is_the_machines_whoever_says_so(error: Exception) -> None:
    with pytest.raises(MachineError, match="writing needs more memory than there is"), on_machine("writing", Path("a")):
        raise error


def test_any_other_error_of_a_library_passes() -> None:
    with pytest.raises(RuntimeError, match="shapes differ"), on_machine("writing", Path("a")):
        raise RuntimeError("shapes differ")


def test_links_that_lead_round_in_a_circle_are_named(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    for look in (loop.read_bytes, partial(loop.resolve, strict=True)):
        with pytest.raises(MachineError) as caught, on_machine("opening", tmp_path):
            look()
        assert caught.value.where == str(loop)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_store_whose_file_system_grants_no_locks_is_told_and_waits_for_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    bench.run()

    def flock(descriptor: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(MachineError, match="opening the store"):
        opened(bench.root)
    with pytest.raises(MachineError, match="opening the store"):
        bench.run()
    with pytest.raises(MachineError, match="collecting from the store"):
        collect(Store(bench.root, create=False), Limits())
