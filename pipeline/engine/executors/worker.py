"""What happens on a worker of a dask cluster: it proves that it fits the client, and does one job after the other."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import distributed
from distributed import Reschedule, Worker, WorkerPlugin, get_worker

from pipeline.config import Options
from pipeline.engine import events, fingerprint, guards
from pipeline.engine.executors.telling import Telling
from pipeline.engine.job import Job, ModelResult
from pipeline.errors import MachineError, PipelineError
from pipeline.stages.discovery import discover
from pipeline.store.locking import Lock, Timeout, granted, granted_by
from pipeline.store.machine import on_machine
from pipeline.store.store import alive

DEATHS = 3  # of workers with one model, after which it is set aside
_LOST = 120  # seconds that a worker may take to end which dask has given up
_LOOK = 0.2  # seconds between two looks at whether it has
_CLOCKS = 30  # seconds that two may differ: what is younger than a clock's tick is not remembered by its time


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a worker has to be like: how the client's machine looks to it."""

    session: Path  # of the client in the store; its lock is held
    files: Mapping[Path, int]  # what is to be read, with its size in bytes
    outputs: tuple[Path, ...]  # folders that are there
    programs: Mapping[str, fingerprint.Components]  # of each stage that runs
    options: Options
    by_files: bool  # the locks of the store's file system reach all workers; else the scheduler's stand in for them


def wanted(session: Path, work: Sequence[Job], options: Options, by_files: bool) -> Wanted:
    """Return what a worker has to be like for this work; `options` decide what stages look for around them."""
    files = {path: path.stat().st_size for job in work for path in job.reads if path.exists()}
    outputs = tuple(job.output for job in work if job.output.is_dir())
    left_out = set.intersection(*(set(job.without) for job in work))
    run = {stage.name for stage in discover()} - left_out
    return Wanted(session, files, outputs, _programs(run, options), options, by_files)


def _programs(run: Container[str], options: Options) -> dict[str, fingerprint.Components]:
    return {stage.name: fingerprint.program(stage, options) for stage in discover() if stage.name in run}


class Convert(WorkerPlugin):  # type: ignore[misc]
    """What a worker is asked, and how far it is, as long as a client has work for it."""

    def __init__(self, name: str, wanted: Wanted) -> None:
        self.name = name  # of the topic of its events, too
        self.wanted = wanted
        self.proven = False
        self.stopped = False  # the user wants no more
        self.model = ""  # that is converted

    def setup(self, worker: Worker) -> None:
        """Prove the worker. Raises MachineError, which names it; dask lets one that comes later stay all the same."""
        self.worker = worker
        try:
            with on_machine("trying the store", self.wanted.session):
                _prove(worker, self.wanted)
        except PipelineError as error:
            raise MachineError(
                f"the worker {worker.address} cannot take part: {error.what}",
                where=error.where,
                why=error.why,
                advice=error.advice or "mend or stop that worker, then run again",
            ) from None
        self.telling = Telling(self._send, partial(worker.loop.add_callback, worker.loop.call_later))
        self.proven = True

    def report(self, event: events.Event) -> None:
        """Have the client told what happens, soon."""
        self.model = "" if isinstance(event, events.RunFinished) else event.model
        self.telling(event)

    def _send(self, told: Sequence[events.Event]) -> None:
        self.worker.log_event(self.name, json.dumps(list(map(events.as_json, told))))

    def in_vain(self) -> bool:
        """Return whether nobody wants another job done: the user asked to stop, or the client has died."""
        return self.stopped or (self.wanted.by_files and not alive(self.wanted.session))

    def ask_to_stop(self) -> None:
        """Have the job that runs stop after its stage, and no other begin."""
        self.stopped = True
        if self.model:
            self.report(events.StopAsked(self.model))


@dataclass(frozen=True, slots=True)
class SetAside:
    """What was decided about a job: as many workers died with it, it is not begun once more."""

    workers: tuple[str, ...]


Ended = ModelResult | SetAside | None  # None where it was not begun, as the user asked to stop before


class SchedulersLock(Lock):
    """A lock that the scheduler grants; it is free again half a minute after its worker has died."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = distributed.Lock(f"torch2caffe2 {path}")

    def acquire(self, timeout: float) -> None:
        """Wait for it, so many seconds. Raises Timeout."""
        if not self._lock.acquire(timeout=None if timeout < 0 else timeout):
            raise Timeout(str(self._path))

    def release(self) -> None:
        """Let the next one have it."""
        self._lock.release()
        with suppress(AttributeError):  # where leases are for ever, nothing renews them
            self._lock.loop.add_callback(self._lock.refresh_callback.stop)  # else it runs on as long as the worker


def work(jobs: Sequence[tuple[int, Job]], name: str) -> list[Ended]:
    """Do numbered jobs one after the other, and return how they ended.

    A worker that is not proven leaves them to another one, and the cluster.
    """
    plugin: Convert = get_worker().plugins[name]
    if not plugin.proven:
        plugin.worker.loop.add_callback(plugin.worker.close, reason="it cannot take part")
        raise Reschedule
    locks = nullcontext() if plugin.wanted.by_files else granted_by(SchedulersLock)
    with guards.stopping_when(lambda: plugin.stopped), locks:
        ended = [_done(job, plugin.wanted.session / f"begun-{number}", plugin) for number, job in jobs]
    plugin.telling.tell()  # before the result is, after which nobody listens
    return ended


def _done(job: Job, begun: Path, plugin: Convert) -> Ended:
    """Do a job of which the folder `begun` tells which workers had begun it, and did not live to end it."""
    note = begun / os.urandom(4).hex()
    try:
        with on_machine("noting in the store that a model is begun", begun):
            begun.mkdir(exist_ok=True)
            if len(died := tuple(_noted(begun))) >= DEATHS:
                return SetAside(died)
            note.write_text(plugin.worker.address)
    except MachineError as error:
        return job.failed(error)
    if died:
        _wait_for(job.output, plugin.in_vain)
    ended = None if plugin.in_vain() else job.ended(plugin.report)
    with suppress(OSError):
        note.unlink()
    return ended


def _noted(begun: Path) -> Iterator[str]:
    for note in begun.iterdir():
        with suppress(FileNotFoundError):  # of one that the cluster had lost, and that has just ended it
            yield note.read_text()


def _wait_for(output: Path, in_vain: Callable[[], bool]) -> None:
    """Wait for a worker that writes to an output folder still, though dask has given it up: it ends with its stage."""
    until = time.monotonic() + _LOST
    while output.is_dir() and time.monotonic() < until and not in_vain():
        with suppress(MachineError), guards.only_one(output):
            return
        time.sleep(_LOOK)


def is_kept_out(session: Path) -> bool:
    """Return whether the lock that the client holds keeps this worker out: the file system's locks reach it."""
    return (session / "lock").is_file() and granted(session) and alive(session)


def ask_to_stop(name: str, dask_worker: Worker) -> None:
    """Ask this worker to stop."""
    dask_worker.plugins[name].ask_to_stop()


def _prove(worker: Worker, wanted: Wanted) -> None:
    """Raise MachineError for the first thing in which a worker does not fit."""
    if (threads := worker.state.nthreads) != 1:
        raise MachineError(f"it has {threads} threads", advice="start it with --nthreads 1, and more --nworkers")
    behind = _behind(worker)
    if abs(behind) > _CLOCKS:
        raise MachineError(f"its clock is {abs(behind):.0f} s {'behind' if behind > 0 else 'ahead of'} the scheduler's")
    _prove_store(wanted)
    for folder in wanted.outputs:
        if not folder.is_dir():
            raise MachineError("it does not see the output folder", where=str(folder))
    for path, size in wanted.files.items():
        if not path.is_file() or path.stat().st_size != size:
            raise MachineError("it does not see the same file", where=str(path))
    for name, here in _programs(wanted.programs, wanted.options).items():
        if different := fingerprint.differences(wanted.programs[name], here):
            raise MachineError(
                f"it would make other files in stage {name}",
                why="; ".join(map(_told, different[:3])),
                advice="install the same versions on the workers and here",
            )


def _told(different: fingerprint.Reason) -> str:
    """Return in words what a worker has otherwise: a library or a runtime by its versions, code by its name."""
    if different.kind == "code" or different.name.startswith("module "):
        return f"the worker has another {different.name}"
    here, there = ("" if it in (None, fingerprint.ABSENT) else it for it in (different.before, different.after))
    has = f"{different.name} {there}" if there else f"no {different.name}"
    return f"the worker has {has}, this program {here or 'none'}"


def _behind(worker: Worker) -> float:
    """Return how many seconds the clock of a worker is behind the scheduler's, as it was told last."""
    return float(worker.scheduler_delay)


def _prove_store(wanted: Wanted) -> None:
    """Raise MachineError where the client's store is not seen, cannot be written, or its locks do not reach here."""
    session = wanted.session
    if not session.is_dir():
        raise MachineError("it does not see the store", where=str(session.parents[1]))
    probe = session / f"probe-{os.urandom(4).hex()}"
    probe.write_bytes(bytes(4096))
    probe.unlink()
    if wanted.by_files and not is_kept_out(session):  # though it reached those that were there before
        raise MachineError(
            "the locks of the store's file system do not reach it",
            where=str(session.parents[1]),
            advice="mount it with locks as on the others (NFS: without nolock and local_lock), or run again without it",
        )
