"""Remote stores for tests (in memory, in a folder, in an S3 server on the loopback), and machines that share them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine import batch, events
from pipeline.engine.job import ModelResult
from pipeline.store import remote
from tests.engine.fakes import STAGES, Bench, zoo

PLACE = "torch2caffe2-store-2/artifacts"
_SERVED = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret"}
_SERVED |= {"AWS_MAX_ATTEMPTS": "1"}  # else 5, with pauses


@pytest.fixture
def memory() -> str:
    """Return the URL of a remote store in this process's memory, which no other test has."""
    return f"memory://{os.urandom(4).hex()}/zoo"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Yield the URL of a remote store in an S3 server, at which the environment points."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    with pytest.MonkeyPatch.context() as patched:
        for name, value in _SERVED.items():
            patched.setenv(name, value)
        patched.setenv("AWS_ENDPOINT_URL", "http://{}:{}".format(*server.get_host_and_port()))
        forget()
        bucket = f"s3://{os.urandom(4).hex()}"  # all servers of a process hold the same
        files(bucket).mkdir(bucket)
        yield f"{bucket}/zoo"
    server.stop()
    forget()


def forget() -> None:
    """Let no connection and no failure of an earlier test count."""
    remote._connected.cache_clear()
    remote._failed.clear()


def files(url: str) -> Any:
    """Return the file system of a URL, as fsspec has it."""
    from fsspec.core import url_to_fs

    return url_to_fs(url, skip_instance_cache=True, use_listings_cache=False)[0]


class Machine(Bench):
    """A machine of its own, with a store and an output folder, and the same model as the others."""

    def __init__(self, folder: Path, url: str) -> None:
        folder.mkdir()
        super().__init__(folder)
        self.url = url

    def convert(self, **typed: object) -> ModelResult:
        """Convert the model as the command does."""
        self.events.clear()
        options = self.options(remote_store=self.url, **typed)
        (result,) = batch.convert_all([options], self.events.append, stages=STAGES)
        return result

    def told(self, kind: type[events.Event]) -> list[Any]:
        """Return the events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def fetched(self) -> list[str]:
        """Name the stages whose artifacts came from the remote store."""
        return [event.stage for event in self.told(events.StageHit) if event.fetched]

    def artifacts(self) -> dict[str, bytes]:
        """Return every file of every artifact of the store, by its path there."""
        root = self.root / "artifacts"
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def assert_shared_by(folder: Path, **how: object) -> None:
    """Assert that those who convert by these options fetch what is there of two models, and send what they make."""
    url = f"file://{folder}/shared"
    for name in ("shared", "one", "two"):
        (folder / name).mkdir()

    def convert(machine: str, *models: str, **how: object) -> list[events.Event]:
        told: list[events.Event] = []
        runs = zoo(folder / machine, *models, remote_store=url, **how)
        results = batch.convert_all(runs, told.append, stages=STAGES)
        assert [each.exit_code for each in results] == [0] * len(models)
        return told

    convert("one", "a", "b")
    told = convert("two", "a", "b", "c", **how)
    fetched = [event.model for event in told if isinstance(event, events.StageHit) and event.fetched]
    assert sorted(fetched) == ["m0"] * len(STAGES) + ["m1"] * len(STAGES)
    assert len(files(url).glob(f"{url}/**/manifest.json")) == 3 * len(STAGES)
