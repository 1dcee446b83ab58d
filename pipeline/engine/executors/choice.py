"""Which executor options ask for."""

from __future__ import annotations

from pipeline.config import Options
from pipeline.engine.executors.executor import Executor
from pipeline.errors import UsageError


def chosen(options: Options) -> Executor | None:
    """Return who does several jobs by these options; None for one after the other in this process.

    Raises UsageError where dask is asked for and not installed.
    """
    if options.scheduler:
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
