from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli.app import run
from pipeline.torch7.contents import SHOWN, contents
from pipeline.torch7.reader import load

DATA = Path(__file__).parent.parent / "data" / "torch7"


def listed(name: str) -> dict[str, tuple[str, str, int]]:
    return {held.path: (held.kind, held.value, held.size) for held in contents(load(DATA / name))}


def test_a_checkpoint_shows_its_options_vocabulary_losses_and_networks() -> None:
    found = listed("checkpoint_charrnn/model.t7")
    assert found["(root)"] == ("a table", "6 entries", 824)
    assert found["opt.rnn_size"] == ("a number", "5", 0)
    assert found["opt.model"] == ("a string", "rnn", 0)
    assert found['vocab["\\n"]'] == ("a number", "3", 0)
    assert found["train_losses[2]"] == ("a number", "1.2", 0)
    assert found["protos.rnn"] == ("an nn.gModule", "", 808)
    assert not any(path.startswith("protos.rnn.") for path in found)


def test_numbers_that_are_shared_are_counted_once() -> None:
    found = listed("object_sharing.t7")
    assert [found[name][2] for name in ("(root)", "s", "b", "c", "a")] == [40, 40, 0, 0, 0]


def test_a_table_that_holds_itself_is_listed_once() -> None:
    assert listed("object_cyclic_table.t7")["self"] == ("a table", "3 entries", 0)


def test_of_a_long_table_the_first_entries_are_listed() -> None:
    from pipeline.torch7.objects import Table

    found = contents(Table({number: number for number in range(1, 1001)}))
    assert len(found) == 1 + SHOWN + 1
    assert (found[-1].path, found[-1].kind) == ("[...]", f"{1000 - SHOWN} more")


def test_inspect_shows_what_is_around_the_network_and_what_is_there_without_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["inspect", str(DATA / "checkpoint_charrnn" / "model.t7")]) == 0
    out = capsys.readouterr().out
    assert "opt.seq_length" in out
    assert "Torch7 network in model.t7, at protos.rnn" in out
    assert run(["inspect", str(DATA / "object_sharing.t7")]) == 0
    out = capsys.readouterr().out
    assert "a torch.FloatStorage  10 numbers  40 bytes" in out
    assert "there is no network in the file" in out
    assert run(["operators", "--missing", str(DATA / "object_sharing.t7")]) == 2
