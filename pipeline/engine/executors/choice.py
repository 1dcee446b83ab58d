"""Chooses the executor that the options ask for."""

from __future__ import annotations

from pipeline.config import Options
from pipeline.engine.executors.executor import Executor
from pipeline.engine.guards import no_signals
from pipeline.errors import UsageError

LOCAL = "local"  # the value of --scheduler for workers on this machine, which last as long as the work


def chosen(options: Options) -> Executor | None:
    """Return the executor for several jobs; None to run them one after the other in this process.

    Raises UsageError if dask is asked for but not installed.
    """
    if options.scheduler:
        if options.scheduler == LOCAL:
            _start_fork_server()
        try:
            from pipeline.engine.executors.cluster import Cluster
        except ModuleNotFoundError as error:
            advice = "pip install 'torch2caffe2[distributed]'"
            raise UsageError("--scheduler needs dask", why=f"{error.name} is not installed", advice=advice) from None
        return Cluster(options)
    if options.jobs > 1:
        from pipeline.engine.executors.processes import Processes

        return Processes(options.jobs)
    return None


def _start_fork_server() -> None:
    """Start the process that forks the workers of a local cluster, so that it imports dask while this one does.

    Like the workers, it ignores what a terminal sends to all its processes (Ctrl-C, hang-up).
    """
    from multiprocessing import forkserver, resource_tracker

    resource_tracker.ensure_running()  # before signals are blocked: it unblocks them in the thread that starts it
    forkserver.set_forkserver_preload(["distributed"])
    with no_signals():
        forkserver.ensure_running()
