from __future__ import annotations

import itertools
import os

import pytest

from pipeline.store.exchange import beside
from tests.cli.conftest import Program, program
from tests.remotes import PLACE, files, memory, s3

__all__ = ["memory", "program", "s3"]


@pytest.fixture
def pushed(program: Program, s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have converted a model and sent what was made to a remote store; its URL, which the environment names."""
    url = f"{s3}/{os.urandom(4).hex()}"
    program.convert("-q")
    monkeypatch.setenv("TORCH2CAFFE2_REMOTE_STORE", url)
    assert program("cache", "push").code == 0
    return url


def test_what_lacks_there_is_sent_and_no_more(program: Program, pushed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert program("cache", "push", "--json").data == []
    monkeypatch.delenv("TORCH2CAFFE2_REMOTE_STORE")
    program.convert("--root", "net", "--stop-after", "emit", "-q")
    said = program("cache", "push", "--remote-store", pushed, "--json")
    assert sorted((each["kind"], each["model"], each["problem"]) for each in said.data) == [
        ("caffe", str(program.model), ""),
        ("graph", str(program.model), ""),
    ]


def _first(program: Program, kind: str) -> str:
    return next(each["key"] for each in program("cache", "list", "--json").data if each["kind"] == kind)


def _place(url: str, key: str) -> str:
    return f"{url}/{PLACE}/{key[:2]}/{key}"


def test_a_new_store_takes_everything_and_converts_without_running_a_stage(
    program: Program, pushed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH2CAFFE2_STORE", str(program.folder / "other"))
    said = program("cache", "pull")
    assert (said.code, "4 artifacts were taken" in said.err) == (0, True)
    monkeypatch.delenv("TORCH2CAFFE2_REMOTE_STORE")
    said = program.convert("--json", "-q")
    assert [stage["state"] for stage in said.model["run"]["stages"]] == ["hit"] * 4
    assert program("cache", "check").code == 0


def test_one_model_or_one_key_is_moved_by_its_name(program: Program, pushed: str) -> None:
    key = _first(program, "caffe")
    assert [each["key"] for each in program("cache", "push", key[:12], "--json").data] == [key]
    assert len(program("cache", "push", program.model, "--json").data) == 4
    other = ["--store", program.folder / "other", "--json"]
    assert program("cache", "pull", "another.t7", *other).data == []
    assert [each["kind"] for each in program("cache", "pull", key, *other).data] == ["caffe"]
    assert len(program("cache", "pull", "model", *other).data) == 3  # all but what is there


def test_a_word_that_calls_nothing_is_told(program: Program, pushed: str) -> None:
    said = program("cache", "push", "another.t7", program.model)
    assert (said.code, said.err.count("no artifact that is here is called"), "another.t7" in said.err) == (0, 1, True)
    said = program("cache", "pull", "model.t7")
    assert (said.code, "no artifact that lacks here is called model.t7" in said.err) == (0, True)


def test_an_object_that_is_corrupt_is_not_taken_and_is_replaced_by_its_name(program: Program, pushed: str) -> None:
    key = _first(program, "graph")
    path = f"{_place(pushed, key)}/weights.safetensors"
    data = files(pushed).cat_file(path)
    files(pushed).pipe_file(path, bytes([data[0] ^ 1]) + data[1:])
    other = ["--store", program.folder / "other"]
    said = program("cache", "pull", *other, "--json")
    problems = {each["key"]: each["problem"] for each in said.data if each["problem"]}
    assert (said.code, problems) == (6, {key: "weights.safetensors is missing or has changed"})
    assert program("cache", "push", key).code == 0
    assert program("cache", "pull", *other).code == 0


def test_an_object_that_was_cut_short_is_sent_again(program: Program, pushed: str) -> None:
    key = _first(program, "graph")
    path = f"{_place(pushed, key)}/weights.safetensors"
    files(pushed).pipe_file(path, b"cut")
    assert [each["key"] for each in program("cache", "push", "--json").data] == [key]
    assert len(files(pushed).cat_file(path)) > 3


def test_what_is_damaged_here_is_not_sent(program: Program, memory: str) -> None:
    program.convert("-q")
    key = _first(program, "graph")
    path = program.folder / "store" / "artifacts" / key[:2] / key / "graph.json"
    path.chmod(0o644)
    path.write_text("changed")
    said = program("cache", "push", "--remote-store", memory, "--json")
    assert (said.code, {each["key"]: each["problem"] for each in said.data}[key]) == (6, "graph.json has changed")
    assert not files(memory).exists(_place(memory, key))


@pytest.mark.parametrize("url", ["file:///nowhere/at/all", "s3://nowhere/zoo"])
def test_a_remote_store_that_is_not_there_is_the_machine(program: Program, s3: str, url: str) -> None:
    program.convert("-q")
    for command in ("push", "pull") if url.startswith("s3") else ("push",):
        said = program("cache", command, "--remote-store", url, "--json")
        assert (said.code, said.data["error"]["why"]) == (6, "there is no such bucket or folder")


def test_a_command_that_no_remote_store_was_named_to_says_how(program: Program) -> None:
    said = program("cache", "pull")
    assert (said.code, "TORCH2CAFFE2_REMOTE_STORE" in said.err) == (2, True)


def test_work_beside_is_all_done_once_each() -> None:
    assert sorted(beside(lambda item: item * 2, range(100))) == list(range(0, 200, 2))


def test_work_beside_ends_with_its_first_error_and_begins_no_more() -> None:
    begun: list[int] = []

    def work(item: int) -> None:
        begun.append(item)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(beside(work, itertools.count()))
    assert len(begun) <= 8  # one in each thread
