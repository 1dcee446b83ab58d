"""The side of a dask worker: it checks that it agrees with the client, then runs one job after the other."""

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
from pipeline.store.sessions import LOCK, is_alive

DEATHS = 3  # of workers during one model, after which the model is set aside
_LOST = 120  # seconds to wait for the end of a worker that dask has given up
_LOOK = 0.2  # seconds between two checks whether it has ended
_CLOCKS = 30  # seconds by which two clocks may differ


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a worker has to agree with: the client's view of files, programs and locks."""

    session: Path  # the client's session in the store, which is locked
    files: Mapping[Path, int]  # the files to read, with their sizes in bytes
    outputs: tuple[Path, ...]  # output folders that exist
    programs: Mapping[str, fingerprint.Components]  # code and versions of each stage that runs
    options: Options
    by_files: bool  # whether the store's file locks reach all workers; else the scheduler's locks are used


def wanted(session: Path, work: Sequence[Job], options: Options, by_files: bool) -> Wanted:
    """Return what a worker has to agree with for these jobs; `options` select the runtimes and plugins of stages."""
    files = {path: path.stat().st_size for job in work for path in job.reads if path.exists()}
    outputs = tuple(job.output for job in work if job.output.is_dir())
    left_out = set.intersection(*(set(job.without) for job in work))
    run = {stage.name for stage in discover()} - left_out
    return Wanted(session, files, outputs, _programs(run, options), options, by_files)


def _programs(run: Container[str], options: Options) -> dict[str, fingerprint.Components]:
    return {stage.name: fingerprint.program(stage, options) for stage in discover() if stage.name in run}


class Convert(WorkerPlugin):  # type: ignore[misc]
    """The plugin that a client installs on a worker: it checks the worker, and holds what it does at the moment."""

    def __init__(self, name: str, wanted: Wanted) -> None:
        self.name = name  # also that of the topic of its events
        self.wanted = wanted
        self.proven = False
        self.stopped = False  # whether the user asked to stop
        self.model = ""  # the one being converted

    def setup(self, worker: Worker) -> None:
        """Check the worker. Raises MachineError that names it. dask keeps one that joins later even so."""
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
        """Send an event to the client, soon."""
        self.model = "" if isinstance(event, events.RunFinished) else event.model
        self.telling(event)

    def _send(self, told: Sequence[events.Event]) -> None:
        self.worker.log_event(self.name, json.dumps(list(map(events.as_json, told))))

    def in_vain(self) -> bool:
        """Return whether no other job should begin: the user asked to stop, or the client has died."""
        return self.stopped or (self.wanted.by_files and not is_alive(self.wanted.session))

    def ask_to_stop(self) -> None:
        """Let the running job stop after its stage, and no other begin."""
        self.stopped = True
        if self.model:
            self.report(events.StopAsked(self.model))


@dataclass(frozen=True, slots=True)
class SetAside:
    """The result of a job during which too many workers died; it is not tried again."""

    workers: tuple[str, ...]


Ended = ModelResult | SetAside | None  # None if the user asked to stop before it began


class SchedulersLock(Lock):
    """A lock granted by the scheduler, which releases it half a minute after the worker has died."""

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
        with suppress(AttributeError):  # if leases never expire, nothing renews them
            self._lock.loop.add_callback(self._lock.refresh_callback.stop)  # else it runs until the worker ends


def work(jobs: Sequence[tuple[int, Job]], name: str) -> list[Ended]:
    """Run numbered jobs one after the other and return their results.

    A worker that failed its check leaves them to another one, and leaves the cluster.
    """
    plugin: Convert = get_worker().plugins[name]
    if not plugin.proven:
        plugin.worker.loop.add_callback(plugin.worker.close, reason="it cannot take part")
        raise Reschedule
    locks = nullcontext() if plugin.wanted.by_files else granted_by(SchedulersLock)
    with guards.stopping_when(lambda: plugin.stopped), locks:
        ended = [_done(job, plugin.wanted.session / f"begun-{number}", plugin) for number, job in jobs]
    plugin.telling.tell()  # before the result is returned, after which nobody listens
    return ended


def _done(job: Job, begun: Path, plugin: Convert) -> Ended:
    """Run a job. The folder `begun` names the workers that began it and died before it ended."""
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
        with suppress(FileNotFoundError):  # of a worker that was given up, and has just ended the job
            yield note.read_text()


def _wait_for(output: Path, in_vain: Callable[[], bool]) -> None:
    """Wait for a worker that dask has given up but that still writes to the output folder; it stops after its stage."""
    until = time.monotonic() + _LOST
    while output.is_dir() and time.monotonic() < until and not in_vain():
        with suppress(MachineError), guards.only_one(output):
            return
        time.sleep(_LOOK)


def is_kept_out(session: Path) -> bool:
    """Return whether this worker sees that the client's session is locked, so that file locks reach it."""
    return (session / LOCK).is_file() and granted(session) and is_alive(session)


def ask_to_stop(name: str, dask_worker: Worker) -> None:
    """Ask this worker to stop after the stage that runs."""
    dask_worker.plugins[name].ask_to_stop()


def _prove(worker: Worker, wanted: Wanted) -> None:
    """Raise MachineError for the first thing in which a worker differs from the client."""
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
    """Return in words how a worker differs: a library or a runtime by its versions, code by its name."""
    if different.kind == "code" or different.name.startswith("module "):
        return f"the worker has another {different.name}"
    here, there = ("" if it in (None, fingerprint.ABSENT) else it for it in (different.before, different.after))
    has = f"{different.name} {there}" if there else f"no {different.name}"
    return f"the worker has {has}, this program {here or 'none'}"


def _behind(worker: Worker) -> float:
    """Return by how many seconds a worker's clock is behind the scheduler's, as measured last."""
    return float(worker.scheduler_delay)


def _prove_store(wanted: Wanted) -> None:
    """Raise MachineError if the worker cannot see or write the client's store, or its file locks do not reach it."""
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
