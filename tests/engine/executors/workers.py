"""A cluster of somebody's, for the tests of what a command does with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import distributed

LIMIT = 600_000_000  # bytes that a worker may take
UNLOCKED = "without locks"  # a folder in which no process of the cluster is granted a lock, where there is a compiler


@pytest.fixture(scope="package")
def preloaded(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the library by which the workers get no locks; empty where it cannot be made."""
    library = tmp_path_factory.mktemp("preloaded") / "flock.so"
    if sys.platform != "linux" or not (compiler := shutil.which("cc")):
        return ""
    source = Path(__file__).with_name("flock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True, timeout=60)
    return str(library)


@pytest.fixture(scope="package")
def cluster(preloaded: str) -> Iterator[distributed.LocalCluster]:
    """Two workers of somebody's, with the memory that they have."""
    dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
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
