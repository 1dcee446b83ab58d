"""Runs conversions on the workers of a dask cluster, which share the store, the models and the output folders."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from concurrent.futures import Future as Promise
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, Security
from distributed.comm import CommClosedError, connect

from pipeline.config import Options
from pipeline.engine import events
from pipeline.engine.executors import worker
from pipeline.engine.executors.choice import LOCAL
from pipeline.engine.executors.executor import Executor, Result
from pipeline.engine.guards import no_signals, passes_stops_to
from pipeline.engine.job import Job, ModelResult
from pipeline.errors import MachineError, PipelineError
from pipeline.store import locking
from pipeline.store.sessions import Session
from pipeline.store.store import opened

MEMORY = "memory"  # the dask resource by which a worker declares its memory, in bytes
_RESTARTED = "worker-restart-memory"  # the topic under which dask reports workers that exceeded their memory
_PROOFS = 3  # attempts to check the workers, as one may die in the middle of it
_PATIENCE = 30  # seconds to wait for the scheduler, and for a first worker
_TOGETHER = 16  # small models per task at most: a task costs dask half the time of a small model
_TURNS = 4  # tasks per worker at least, so that all workers end at about the same time
_SMALL = 1_000_000  # bytes of a model's files up to which it is small
_AROUND = 500_000_000  # bytes that the conversion of any model needs: the program, PyTorch, the runtimes
_TIMES = 5  # the size of a model's files: weights and activations, in the evaluator and in the runtimes
_LOCALLY = {
    "distributed.worker.multiprocessing-method": "forkserver",  # imports dask once for all workers
    "distributed.deploy.lost-worker-timeout": "1 week",  # a worker that is restarted is not lost
    "distributed.worker.profile.enabled": False,  # it samples each worker a hundred times a second, for no reader
    "distributed.admin.tick.interval": "1 s",
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A job with its number, the size of its files in bytes, and the promise of its result."""

    number: int
    job: Job
    size: int
    promise: Promise[ModelResult | None]


class Cluster(Executor):
    """The workers of the scheduler that `options` name; with `LOCAL`, as many on this machine as -j says."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._name = f"torch2caffe2-{os.urandom(6).hex()}"  # of our worker plugin, and of the topic of our events
        self._held = ExitStack()
        self._futures: list[Future] = []
        self._full: set[str] = set()  # addresses of workers that exceeded their memory
        self._asked = False

    def start(self, work: Sequence[Job], report: events.Reporter) -> None:
        """Connect to the scheduler, or start a local cluster."""
        self._report = report
        with _worded(self._options.scheduler):
            self._client = self._held.enter_context(_client(self._options, len(work)))

    def submit(self, work: Sequence[Job]) -> list[Result]:
        """Check the workers, then submit the jobs, the large ones first; small models share a task.

        A task goes to a worker with enough memory if workers declare theirs. Raises MachineError for a worker that
        does not see the same files, or has other versions.
        """
        self._check_workers(work)
        asked = [_Asked(number, job, self._size(job), Promise()) for number, job in enumerate(work)]
        small = [each for each in asked if each.size <= _SMALL]
        few = max(1, min(_TOGETHER, len(small) // (_TURNS * self._count or 1)))
        for each in asked:
            if each.size > _SMALL:
                self._hand_out([each])
        for first in range(0, len(small), few):
            self._hand_out(small[first : first + few])
        return [each.promise.result for each in asked]

    def _check_workers(self, work: Sequence[Job]) -> None:
        """Check that each worker, also one that joins later, sees the same files and has the same versions."""
        session = self._session()
        self._client.subscribe_topic(self._name, partial(_hear, self._report))
        self._client.subscribe_topic(_RESTARTED, lambda message: self._full.add(message[1]["worker"]))
        with _worded(self._options.scheduler):
            by_files = all(self._client.run(worker.is_kept_out, session.path, on_error="ignore").values())
            self._wanted = worker.wanted(session.path, work, self._options, by_files)
            self._held.callback(self._leave)
            self._prove(worker.Convert(self._name, self._wanted))
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        self._count, self._memory = len(workers), _memory(workers)
        self._held.enter_context(passes_stops_to(self._ask))

    def _prove(self, plugin: worker.Convert) -> None:
        """Check all workers by registering their plugin; if one dies meanwhile, check the remaining ones."""
        for _ in range(_PROOFS - 1):
            with suppress(CommClosedError):
                self._client.register_plugin(plugin, self._name)
                return
        self._client.register_plugin(plugin, self._name)

    def _leave(self) -> None:
        """Remove the plugin, so that workers that join later are not checked."""
        if self._client.status == "running":
            with suppress(OSError):
                self._client.unregister_worker_plugin(self._name)

    def _session(self) -> Session:
        """Open a session in the store; if its file system grants no locks, one that no process cleans up."""
        with locking.granted_by(worker.SchedulersLock):
            store = opened(self._options.store)
            if not locking.granted(store.root):
                return self._held.enter_context(store.sessions.open())
        return self._held.enter_context(store.sessions.open())

    def _size(self, job: Job) -> int:
        return sum(self._wanted.files.get(path, 0) for path in job.reads)

    def stop(self) -> None:
        """Disconnect; a local cluster ends."""
        self._held.close()

    def _hand_out(self, task: Sequence[_Asked]) -> None:
        size = max(each.size for each in task)
        needs = {MEMORY: min(_AROUND + _TIMES * size, self._memory)} if self._memory else None
        jobs = [(each.number, each.job) for each in task]
        future = self._client.submit(worker.work, jobs, self._name, priority=size, resources=needs, pure=False)
        self._futures.append(future)
        future.add_done_callback(partial(self._ended, task))

    def _ended(self, task: Sequence[_Asked], future: Future) -> None:
        """Fetch the results of a task at once: dask would run it again if its worker died later.

        A task that dask gives up is submitted again, as it may only have been queued on workers that died. Workers note
        which models they begin, and set one aside after `DEATHS` deaths.
        """
        try:
            with _worded(self._options.scheduler):
                for each, ended in zip(task, future.result(), strict=True):
                    aside = each.job.failed(self._died(ended.workers)) if isinstance(ended, worker.SetAside) else None
                    each.promise.set_result(aside or ended)
        except KilledWorker:
            self._hand_out(task)
        except PipelineError as error:
            for each in task:
                each.promise.set_result(None if self._asked else each.job.failed(error))
        except Exception as bug:
            for each in task:
                each.promise.set_exception(bug)
        future.release()

    def _died(self, workers: Sequence[str]) -> MachineError:
        """Return the error for a model during which these workers died."""
        why = ", ".join(f"{each} (more memory than it has)" if each in self._full else each for each in workers)
        advice = "give the workers more memory, or convert it alone"
        return MachineError(f"{len(workers)} workers died with this model", why=why, advice=advice)

    def _ask(self, number: int) -> None:
        """Ask the workers to stop after the stage that runs; the second time, cancel all tasks at once."""
        if self._asked:
            self._client.cancel(self._futures, force=True)
        else:
            self._asked = True
            self._client.run(worker.ask_to_stop, self._name, on_error="ignore")


def _hear(report: events.Reporter, message: tuple[float, str]) -> None:
    """Report the events of a message, which comes with the scheduler's time."""
    for told in json.loads(message[1]):
        report(events.from_json(told))


@contextmanager
def _client(options: Options, jobs: int) -> Iterator[Client]:
    """Connect to the scheduler that the options name, or start a local cluster."""
    if options.scheduler != LOCAL:
        asyncio.run(_reach(options.scheduler))  # a Client that cannot connect delays Python's exit by a minute
        with Client(options.scheduler, timeout=_PATIENCE, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=_PATIENCE)
            yield client
        return
    workers = min(options.jobs, jobs)
    with dask.config.set(_LOCALLY), _local(workers) as cluster, Client(cluster, set_as_default=False) as client:
        yield client


def _local(workers: int) -> LocalCluster:
    """Start local workers. They ignore a terminal's Ctrl-C: this process asks them to stop."""
    how = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "host": "127.0.0.1"}
    with no_signals():  # inherited by the thread that starts them, now or later
        return LocalCluster(n_workers=workers, **how)


async def _reach(address: str) -> None:
    """Wait for the scheduler's answer. Raises OSError if none comes in time, ValueError for a malformed address."""
    comm = await connect(address, timeout=_PATIENCE, **Security().get_connection_args("client"))
    await comm.close()


def _memory(workers: Mapping[str, Any]) -> int:
    """Return the memory of the largest worker, in bytes; 0 if not all workers declare theirs."""
    told = [each["resources"].get(MEMORY, 0) for each in workers.values()]
    return int(max(told)) if told and all(told) else 0


@contextmanager
def _worded(scheduler: str) -> Iterator[None]:
    """Turn the errors of dask and of the network into MachineError."""
    try:
        yield
    except CancelledError:
        advice = "start it, then run the same command again: what is finished is kept"
        raise MachineError("the scheduler is gone", where=scheduler, advice=advice) from None
    except ImportError as error:
        why, advice = f"no {error.name} there", "install the same versions on the workers and here"
        raise MachineError("a worker cannot take part", where=scheduler, why=why, advice=advice) from None
    except TimeoutError as error:
        advice = "dask scheduler; dask worker ADDRESS --nthreads 1"
        raise MachineError(
            "no scheduler with a worker answers", where=scheduler, why=str(error), advice=advice
        ) from None
    except (OSError, ValueError) as error:
        raise MachineError("the scheduler cannot be reached", where=scheduler, why=str(error)) from None
