"""Which networks a command stands for: those of folders and patterns, and several roots of one file."""

from __future__ import annotations

from pathlib import Path
from time import sleep

import pytest

from pipeline import config
from pipeline.cli import output
from pipeline.engine import scan
from pipeline.errors import MachineError
from tests.cli.conftest import Program, states, zoo
from tests.support import unprivileged


def test_a_folder_stands_for_all_networks_in_it_and_never_for_outputs(program: Program) -> None:
    folder = zoo(program, "x/model.t7", "y/model.t7")
    (folder / "notes.txt").write_text("what I did")
    program("convert", folder / "x" / "model.t7", "--output", folder / "out", "-q")
    said = program("convert", folder, "--output", program.output, "-q")
    assert said.code == 0
    assert states(program, program.output) == {"x-model": "done", "y-model": "done"}


def test_two_models_whose_folders_turn_out_to_be_one_are_refused(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on what Windows or macOS have formatted, where `Net` and `net` are one."""
    folder = zoo(program, "Net.t7", "net.t7")
    monkeypatch.setattr(config, "canonical", lambda path: Path(str(path).casefold()) if path.exists() else path)
    said = program("convert", folder, "--output", program.output, "-q")
    assert (said.code, "two models would be written to" in said.err) == (2, True)
    assert not list(program.output.glob("*/manifest.json"))


def test_what_may_not_be_read_in_a_folder_is_told_and_costs_only_itself(program: Program) -> None:
    folder = zoo(program, "a.t7", "b.t7", "dark/c.t7", "blind/d.t7")
    (folder / "a.t7").chmod(0)
    (folder / "dark").chmod(0)
    (folder / "blind").chmod(0o400)  # its names can be read, and nothing else
    with unprivileged():
        said = program("convert", folder, "--output", program.output, "-q")
    (folder / "dark").chmod(0o700)
    (folder / "blind").chmod(0o700)
    assert said.code == MachineError.exit_code
    assert states(program, program.output) == {"a": "failed", "b": "done", "d": "failed", "dark": "failed"}
    assert "you may not read this folder" in said.err


@pytest.mark.parametrize("given", ["zoo", "zoo/*.prototxt"])
def test_a_prototxt_of_a_folder_or_pattern_takes_the_weights_beside_it(program: Program, given: str) -> None:
    folder = program.folder / "zoo"
    folder.mkdir()
    (folder / "net.prototxt").write_text('name: "n"\n')
    (folder / "net.caffemodel").write_bytes(b"\xa2\x06\x03\x0a\x01a")
    said = program("convert", program.folder / given, "--output", program.output, "--no-verify", "-q", "--json")
    (model,) = said.data["models"]
    assert (said.code, model["run"]["options"]["weights"]) == (0, str(folder / "net.caffemodel"))
    alone = program("convert", folder / "net.prototxt", "--output", program.output / "alone", "-q")
    assert (alone.code, "convert net.prototxt --weights net.caffemodel" in alone.err) == (5, True)


def test_a_deploy_prototxt_takes_the_only_weights_beside_it_whatever_their_name(program: Program) -> None:
    folder = program.folder / "zoo"
    folder.mkdir()
    for name in ("deploy", "train_val"):
        (folder / f"{name}.prototxt").write_text('name: "n"\n')
    (folder / "bvlc_iter_9.caffemodel").write_bytes(b"\xa2\x06\x03\x0a\x01a")
    said = program("plan", folder, "--json")
    assert [model["model"] for model in said.data["models"]] == ["deploy"]
    assert [Path(left["path"]).name for left in said.data["left_out"]] == ["train_val.prototxt"]
    (folder / "bvlc_iter_8.caffemodel").write_bytes(b"\xa2\x06\x03\x0a\x01a")
    assert program("plan", folder).err.count("left out") == 2


@pytest.mark.parametrize("command", ["convert", "scan", "plan"])
def test_a_prototxt_of_a_folder_without_its_weights_is_left_out_with_a_word(
    program: Program, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "scan", lambda options: scan.Scan("import", ()))
    folder = zoo(program, "a.t7")
    (folder / "net.prototxt").write_text('name: "n"\n')
    (folder / "solver.prototxt").write_text('net: "net.prototxt"\n')
    said = program(command, folder, *(["--output", program.output] if command == "convert" else []), "--json")
    why = {"path": str(folder / "net.prototxt"), "why": "there is no net.caffemodel beside it"}
    assert (said.code, [model["model"] for model in said.data["models"]]) == (0, ["a"])
    assert said.data["left_out"] == [why]
    assert f"left out:  {why['path']}: {why['why']}" in said.err


def test_a_long_search_for_networks_is_told_of_and_a_short_one_not(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, load, told = zoo(program, "a.t7"), config.load, "looking for networks"
    assert told not in program("plan", folder).err
    monkeypatch.setattr(output, "_PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(config, "load", lambda *given, **how: sleep(0.3) or load(*given, **how))
    assert program("plan", folder).err.startswith(told)
    assert told not in program("convert", folder, "--output", program.output, "-q").err


def test_a_pattern_in_a_configuration_stands_for_what_it_matches(program: Program) -> None:
    zoo(program, "a.t7", "b.t7", "c.net")
    config = program.folder / "all.toml"
    config.write_text('output = "out"\n[[model]]\nmodel = "zoo/*.t7"\nroot = "net"\n[[model]]\nmodel = "zoo/c.net"\n')
    assert program("convert", "--config", config, "-q").code == 0
    told = program("status", program.output, "--json").data["models"]
    assert [(each["options"]["name"], each["options"]["root"]) for each in told] == [
        ("a", "net"),
        ("b", "net"),
        ("c", ""),
    ]


@pytest.mark.parametrize("pattern", ["*/" * 900 + "*", "a**", "[", "[z-a]"])
def test_what_matches_nothing_or_is_no_pattern_is_told_by_name(program: Program, pattern: str) -> None:
    (program.folder / "all.toml").write_text(f'[[model]]\nmodel = "{pattern}"')
    for words in (["--config", program.folder / "all.toml"], [pattern]):
        said = program("plan", *words)
        assert (said.code, pattern[:99] in said.err) == (2, True), said.err


def test_one_name_for_a_whole_pattern_is_refused(program: Program) -> None:
    zoo(program, "a.t7", "b.t7")
    (program.folder / "all.toml").write_text('[[model]]\nmodel = "zoo/*.t7"\nname = "n"\n')
    said = program("convert", "--config", program.folder / "all.toml")
    assert (said.code, "all.toml:3" in said.err) == (2, True)


def test_several_roots_of_one_file_go_to_a_folder_each(program: Program) -> None:
    model = zoo(program, "nmt.t7") / "nmt.t7"
    said = program("convert", model, "--root", "encoder", "--root", "decoder.net[1]", "-o", program.output, "-q")
    assert said.code == 0, said
    assert states(program, program.output) == {"nmt-encoder": "done", "nmt-decoder.net_1": "done"}
    told = program("status", program.output, "--json").data["models"]
    assert {each["options"]["root"] for each in told} == {"encoder", "decoder.net[1]"}


def test_a_configuration_lists_several_roots_and_one_typed_takes_their_place(program: Program) -> None:
    zoo(program, "nmt.t7")
    config = program.folder / "nmt.toml"
    config.write_text('output = "out"\nroot = ["encoder", "decoder"]\nmodel = "zoo/nmt.t7"\n')
    planned = program("plan", "--config", config, "--json").data["models"]
    assert [each["model"] for each in planned] == ["nmt-encoder", "nmt-decoder"]
    planned = program("plan", "--config", config, "--root", "decoder", "--json").data["models"]
    assert [each["model"] for each in planned] == ["nmt"]


def test_roots_that_would_share_a_folder_are_refused(program: Program) -> None:
    model = zoo(program, "nmt.t7") / "nmt.t7"
    said = program("plan", model, "--root", "net[1]", "--root", "net_1", "-o", program.output)
    assert said.code == 2
    assert "two models would be written to" in said.err
