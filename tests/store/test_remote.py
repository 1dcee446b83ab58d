from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import load
from pipeline.engine import events, planner
from pipeline.errors import MissingLibrary, UsageError
from pipeline.store import manifest, remote
from pipeline.store.remote import Remote
from pipeline.store.store import MANIFEST, content_digest
from tests.engine.fakes import NAMES, STAGES
from tests.remotes import PLACE, Machine, files, forget, memory, s3
from tests.support import edit_record

__all__ = ["memory", "s3"]


@pytest.fixture(params=["memory", "file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        (tmp_path / "shared").mkdir()
        return f"file://{tmp_path}/shared"
    return str(request.getfixturevalue(request.param))


def test_what_one_machine_has_made_another_fetches_byte_by_byte(url: str, tmp_path: Path) -> None:
    one, two = Machine(tmp_path / "one", url), Machine(tmp_path / "two", url)
    assert one.convert().exit_code == two.convert().exit_code == 0
    assert (one.ran(), one.fetched()) == (NAMES, [])
    assert (two.ran(), two.fetched()) == ([], NAMES)
    assert two.artifacts() == one.artifacts()
    assert two.delivered() == one.delivered()
    there = [path.partition(f"/{PLACE}/")[2] for path in _paths(url)]
    assert sorted(there) == sorted(one.artifacts())  # and nothing else of what a store remembers


def _paths(url: str) -> list[str]:
    return list(files(url).find(url))


def test_a_stage_behind_one_that_was_fetched_runs_and_is_sent(memory: str, tmp_path: Path) -> None:
    one, two, three = (Machine(tmp_path / name, memory) for name in ("one", "two", "three"))
    one.convert(stop_after="emit")
    two.convert()
    assert (two.fetched(), two.ran()) == (["import", "emit"], ["translate", "verify"])
    three.convert()
    assert three.fetched() == NAMES


def _first(machine: Machine) -> str:
    """Return the place of the first artifact of a machine in the remote store."""
    key = machine.convert(stop_after="import").run["stages"][0]["key"]
    return f"{machine.url}/{PLACE}/{key[:2]}/{key}"


def _flip(url: str) -> None:
    data = bytearray(files(url).cat_file(url))
    data[len(data) // 2] ^= 1
    files(url).pipe_file(url, bytes(data))


def _rewritten(place: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Have a manifest say something else, digests and all."""
    path = f"{place}/{MANIFEST}"
    found = manifest.parse(files(path).cat_file(path))
    change(found)
    found["digest"] = found["digest"] if "digest" not in found else content_digest(found["files"])
    files(path).pipe_file(path, manifest.sealed(found))


_FILE = {"blake3": "a" * 64, "size": 1}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda place: _flip(f"{place}/weights.safetensors"), "weights.safetensors is missing or has changed"),
        (lambda place: files(place).pipe_file(f"{place}/graph.json", b"gr"), "graph.json is missing or has changed"),
        (lambda place: files(place).rm(f"{place}/graph.json"), "graph.json is missing or has changed"),
        (lambda place: _flip(f"{place}/{MANIFEST}"), "is damaged"),
        (lambda place: files(place).pipe_file(f"{place}/{MANIFEST}", b'{"format": 2'), "is damaged"),
        (lambda place: files(place).pipe_file(f"{place}/{MANIFEST}", bytes(5 << 20)), "is larger than"),
        (lambda place: _rewritten(place, lambda it: it.update(key="b" * 64)), "is of another artifact"),
        (lambda place: _rewritten(place, lambda it: it["files"].update({"../x": _FILE})), "what no run would"),
        (lambda place: _rewritten(place, lambda it: it["files"].update({MANIFEST: _FILE})), "no artifact can hold"),
        (lambda place: _rewritten(place, lambda it: it["files"].update({"ä" * 200: _FILE})), "no artifact can hold"),
        (lambda place: _rewritten(place, lambda it: it["files"].update({"x": _FILE})), "x is missing or has changed"),
        (lambda place: _rewritten(place, lambda it: it["files"]["graph.json"].update(size=1 << 60)), "there is room"),
        (lambda place: _rewritten(place, lambda it: it["files"].update({f"{n}": _FILE for n in range(1001)})), "1000"),
        (lambda place: _rewritten(place, lambda it: it.update(failure={"what": "x"})), "what no run would"),
    ],
)
def test_what_is_damaged_there_is_told_not_used_and_replaced(
    memory: str, tmp_path: Path, damage: Callable[[str], object], said: str
) -> None:
    one, two, three = (Machine(tmp_path / name, memory) for name in ("one", "two", "three"))
    damage(_first(one))
    assert two.convert(stop_after="import").exit_code == 0
    assert two.ran() == ["import"]
    (told,) = two.told(events.RemoteDamaged)
    assert (told.stage, said in told.reason) == ("import", True), told
    assert two.delivered() == one.delivered()
    three.convert(stop_after="import")
    assert (three.fetched(), three.told(events.RemoteDamaged)) == (["import"], [])


@pytest.mark.parametrize("sent", range(3))
def test_a_connection_that_breaks_in_the_middle_leaves_no_artifact(
    memory: str, tmp_path: Path, sent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    put, count = MemoryFileSystem.put_file, iter(range(100))

    def breaking(self: Any, *where: str, **how: Any) -> None:
        if next(count) >= sent:
            raise ConnectionResetError("gone")
        put(self, *where, **how)

    monkeypatch.setattr(MemoryFileSystem, "put_file", breaking)
    one, two = Machine(tmp_path / "one", memory), Machine(tmp_path / "two", memory)
    assert one.convert(stop_after="import").exit_code == 0
    assert [event.why for event in one.told(events.RemoteFailed)] == ["ConnectionResetError: gone"]
    assert len(_paths(memory)) == sent
    two.convert()
    assert (two.fetched(), two.told(events.RemoteDamaged)) == ([], [])


def test_a_remote_store_that_fails_is_told_of_once_and_not_asked_again(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    asked = []

    def refuse(self: Any, *where: str, **how: Any) -> None:
        asked.append(where)
        raise PermissionError("no credentials")

    for method in ("cat_file", "put_file"):
        monkeypatch.setattr(MemoryFileSystem, method, refuse)
    machine = Machine(tmp_path / "one", memory)
    assert machine.convert().exit_code == 0
    assert machine.ran() == NAMES
    assert [event.why for event in machine.told(events.RemoteFailed)] == ["PermissionError: no credentials"]
    assert len(asked) == 1


def test_a_remote_store_that_does_not_answer_is_waited_for_in_bounds(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    monkeypatch.setattr(MemoryFileSystem, "cat_file", lambda self, *where, **how: time.sleep(30))
    monkeypatch.setattr(remote, "_PATIENCE", 0.2)
    machine, began = Machine(tmp_path / "one", memory), time.monotonic()
    assert machine.convert().exit_code == 0
    assert time.monotonic() - began < 10
    assert [event.why for event in machine.told(events.RemoteFailed)] == ["it does not answer in time"]


def test_a_server_that_is_gone_costs_some_seconds_and_no_run(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = Machine(tmp_path / "one", s3), Machine(tmp_path / "two", s3)
    one.convert()
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
    forget()
    began = time.monotonic()
    assert two.convert().exit_code == 0
    assert time.monotonic() - began < 30
    assert two.ran() == NAMES
    assert ["Could not connect" in event.why for event in two.told(events.RemoteFailed)] == [True]
    assert two.delivered() == one.delivered()


def test_a_bucket_or_folder_that_was_misspelt_is_not_made(s3: str, tmp_path: Path) -> None:
    for number, url in enumerate(("s3://bukket/zoo", f"file://{tmp_path}/shred")):
        machine = Machine(tmp_path / f"m{number}", url)
        assert machine.convert().exit_code == 0
        assert [event.why for event in machine.told(events.RemoteFailed)] == ["there is no such bucket or folder"]
    assert "bukket" not in files(s3).ls("")
    assert not (tmp_path / "shred").exists()


def test_threads_share_a_connection_only_where_it_is_made_for_that(s3: str, memory: str) -> None:
    assert remote._system(s3, 1) is remote._system(s3, 2)
    assert remote._system(memory, 1) is remote._system(memory, 1)
    assert remote._system(memory, 1) is not remote._system(memory, 2)  # nor SSH's, where they take each other's answers


def test_a_forced_stage_is_not_fetched(memory: str, tmp_path: Path) -> None:
    one, two = Machine(tmp_path / "one", memory), Machine(tmp_path / "two", memory)
    one.convert()
    two.convert(force=["emit"])
    assert (two.ran(), two.fetched()) == (["emit"], ["import", "translate", "verify"])


def test_what_is_damaged_in_the_store_is_told_and_fetched(memory: str, tmp_path: Path) -> None:
    one = Machine(tmp_path / "one", memory)
    key = one.convert().run["stages"][0]["key"]
    (one.store.folder(key) / "graph.json").unlink()
    one.convert()
    assert (one.fetched(), one.ran()) == (["import"], [])
    assert [event.reason for event in one.told(events.ArtifactDamaged)] == ["graph.json is missing"]


def test_a_plan_says_what_would_be_fetched_and_that_nobody_answers(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = Machine(tmp_path / "one", memory), Machine(tmp_path / "two", memory)
    one.convert(stop_after="emit")
    planned = planner.plan(two.options(remote_store=memory), STAGES)
    assert [(each.stage, each.state) for each in planned[:3]] == [
        ("import", "fetch"),
        ("emit", "fetch"),
        ("translate", "run"),
    ]
    assert str(planned[0].reasons[0]) == f"{memory} has it"
    monkeypatch.setattr("fsspec.implementations.memory.MemoryFileSystem.cat_file", None)
    planned = planner.plan(two.options(remote_store=memory), STAGES)
    assert {each.state for each in planned} == {"run"}
    assert f"{memory} cannot be used: TypeError" in str(planned[0].reasons[-1])


def test_no_record_has_a_run_connect_anywhere(memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Machine(tmp_path / "one", "")
    one.convert(stop_after="import")
    edit_record(one.output, lambda record: record["options"].update(remote_store=memory))
    monkeypatch.setattr(Remote, "_ask", lambda *how, **more: pytest.fail("it was asked"))
    assert one.resume().exit_code == 0
    assert one.ran() == NAMES[1:]


def test_without_the_option_fsspec_is_not_needed_and_with_it_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    assert Machine(tmp_path / "one", "").convert().exit_code == 0
    with pytest.raises(MissingLibrary, match="fsspec") as caught:
        Machine(tmp_path / "two", "memory://zoo").convert()
    assert "torch2caffe2[remote]" in caught.value.advice


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("/mnt/shared", "it is a URL"),
        ("s3://", "it is a URL"),
        ("://bucket", "it is a URL"),
        ("file://relative/folder", "it is a URL"),
        ("file:///mnt/shared\n", "it is a URL"),
        ("ssh://me:secret@host/x", "password"),
        ("ssh://me:secret:@secret@host/x", "password"),
        ("s3://[x", "Invalid IPv6"),
        ("nonsense://x", "Protocol not known"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused_before_anything_is_made(tmp_path: Path, url: str, why: str) -> None:
    machine = Machine(tmp_path / "one", url)
    with pytest.raises(UsageError) as caught:
        machine.convert()
    assert why in caught.value.why
    assert "secret" not in caught.value.what  # which logs keep
    assert not machine.output.exists()


def test_the_environment_and_a_configuration_name_a_remote_store(tmp_path: Path) -> None:
    (tmp_path / "m.t7").write_bytes(b"")
    (tmp_path / "c.toml").write_text("model = 'm.t7'\nremote_store = 's3://one'")
    (told,) = load(tmp_path / "c.toml", {}, {})
    assert told.remote_store == "s3://one"
    (told,) = load(tmp_path / "c.toml", {}, {"TORCH2CAFFE2_REMOTE_STORE": "s3://two"})
    assert told.remote_store == "s3://two"
