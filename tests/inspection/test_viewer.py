from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.errors import MachineError, UsageError
from pipeline.inspection import viewer


class Netron(ModuleType):
    """Notes what it is asked to show."""

    def __init__(self) -> None:
        super().__init__("netron")
        self.calls: list[tuple[Any, ...]] = []
        self.error: BaseException | None = None

    def start(self, file: str, address: tuple[str, int], browse: bool) -> None:
        self.calls.append((file, address, browse))

    def wait(self) -> None:
        if self.error:
            raise self.error

    def stop(self) -> None:
        self.calls.append(("stopped",))


@pytest.fixture
def netron(monkeypatch: pytest.MonkeyPatch) -> Netron:
    module = Netron()
    monkeypatch.setitem(sys.modules, "netron", module)
    return module


def test_a_network_is_served_on_loopback_only(run_folder: Path, netron: Netron) -> None:
    viewer.show(run_folder / "predict_net.pb")
    assert netron.calls == [(str(run_folder / "predict_net.pb"), ("127.0.0.1", 0), True)]


def test_a_run_folder_shows_its_caffe_net(run_folder: Path, netron: Netron) -> None:
    viewer.show(run_folder)
    assert netron.calls[0][0] == str(run_folder / "deploy.prototxt")


def test_the_user_ends_it_with_an_interrupt(run_folder: Path, netron: Netron) -> None:
    netron.error = KeyboardInterrupt()
    viewer.show(run_folder)
    assert netron.calls[-1] == ("stopped",)


def test_a_port_that_cannot_be_had_is_the_machines_fault(run_folder: Path, netron: Netron) -> None:
    netron.error = OSError(98, "Address in use")
    with pytest.raises(MachineError, match="cannot be started"):
        viewer.show(run_folder)


def test_without_netron_the_extra_is_named(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "netron", None)
    with pytest.raises(UsageError, match="not installed") as caught:
        viewer.show(run_folder)
    assert "[view]" in caught.value.advice


def test_what_netron_does_not_know_is_refused(run_folder: Path, netron: Netron) -> None:
    with pytest.raises(UsageError, match="cannot show graph"):
        viewer.show(run_folder / "graph.json")
    assert netron.calls == []
