"""Which executor options ask for."""

from __future__ import annotations

from pipeline.config import Options
from pipeline.engine.executors.executor import Executor
from pipeline.engine.guards import no_signals
from pipeline.errors import UsageError

LOCAL = "local"  # instead of a scheduler's address: workers of this machine, for as long as the work lasts


def chosen(options: Options) -> Executor | None:
    """Return who does several jobs by these options; None for one after the other in this process.

    Raises UsageError where dask is asked for and not installed.
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
    """Start the process that forks the workers of a local cluster: it imports dask while this process does.

    Like them, it hears nothing of what a terminal sends to all its processes.
    """
    from multiprocessing import forkserver, resource_tracker

    resource_tracker.ensure_running()  # which unblocks signals in whatever thread begins it
    forkserver.set_forkserver_preload(["distributed"])
    with no_signals():
        forkserver.ensure_running()
