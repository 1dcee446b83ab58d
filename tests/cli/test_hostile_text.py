"""Names from a file may hold anything; what the user is shown of them moves no cursor, and forges no line."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from pipeline.cli.app import run
from pipeline.cli.output import print_place
from pipeline.engine import events
from pipeline.engine.live import Rich
from pipeline.engine.reporters import JsonLines, Plain
from pipeline.errors import InvalidInputError, UnsupportedError, render
from pipeline.visible import visible
from tests.torch7.writer import nn, save, sequential

HOSTILE = "a\x1b[2J\x1b]0;t\x07\r\nerror: b\x7f\x9b\u202ec\u2066d\u2028e"
UNSEEN = set("\x1b\x07\r\x7f\x9b\u202e\u2066\u2028")


def _is_calm(text: str, forged: str = "error: b") -> bool:
    return not UNSEEN & set(text) and not any(line.startswith(forged) for line in text.splitlines())


def test_what_is_printable_stays_as_it_is() -> None:
    assert visible("naïve 漢字 \N{NO-BREAK SPACE}x") == "naïve 漢字 \N{NO-BREAK SPACE}x"


@pytest.mark.parametrize("command", [["inspect"], ["inspect", "--tree"], ["scan"]])
def test_names_in_a_t7_are_shown_calmly(tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    odd = nn(f"Odd{HOSTILE}", **{HOSTILE: 1.0})
    path = save(tmp_path / "m.t7", sequential(odd, nn("Tanh")))
    run([*command, str(path)])
    said = capsys.readouterr()
    assert "Odda" in said.out + said.err
    assert _is_calm(said.out)
    assert _is_calm(said.err)


@pytest.mark.parametrize("command", [["inspect"], ["inspect", "--layer", "r"], ["inspect", "--json"]])
def test_names_in_a_prototxt_are_shown_calmly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    name = "".join(f"\\{byte:03o}" for byte in HOSTILE.encode())
    path = tmp_path / "m.prototxt"
    path.write_text(
        f'name: "{name}" layer {{ name: "d" type: "Input" top: "a" input_param {{ shape {{ dim: 1 dim: 3 }} }} }}\n'
        f'layer {{ name: "r{name}" type: "ReLU" bottom: "a" top: "b{name}" }}\n'
        f'layer {{ name: "r" type: "Odd{name}" bottom: "b{name}" top: "c" }}\n'
    )
    run([*command, str(path)])
    said = capsys.readouterr()
    assert _is_calm(said.out)
    assert _is_calm(said.err)
    if "--json" in command:
        json.loads(said.out)


@pytest.mark.parametrize(
    "error",
    [
        InvalidInputError(HOSTILE, where=HOSTILE, why=HOSTILE, advice=HOSTILE),
        UnsupportedError.one(HOSTILE, HOSTILE, HOSTILE),
    ],
)
def test_an_error_begins_one_line_at_the_edge(error: Exception) -> None:
    text = render(error)  # type: ignore[arg-type]
    assert not UNSEEN & set(text)
    assert [line for line in text.splitlines() if not line.startswith(" ")] == text.splitlines()[:1]


def test_a_path_is_printed_as_it_is_for_programs_and_calmly_in_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    print_place(Path(HOSTILE))
    assert capsys.readouterr().out == HOSTILE + "\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_place(Path(HOSTILE))
    assert _is_calm(capsys.readouterr().out)


def test_progress_is_calm_in_every_form() -> None:
    told = [
        events.RunStarted(HOSTILE, "run", HOSTILE, "out", (HOSTILE,)),
        events.StageStarted(HOSTILE, HOSTILE, "", (HOSTILE,)),
        events.StageNote(HOSTILE, HOSTILE, HOSTILE),
        events.StageFailed(HOSTILE, HOSTILE, 0.1, HOSTILE),
        events.FileDelivered(HOSTILE, HOSTILE, 1, HOSTILE),
    ]
    plain, lines = io.StringIO(), io.StringIO()
    for event in told:
        Plain(plain, many=True, level=1)(event)
        JsonLines(lines)(event)
    assert _is_calm(plain.getvalue())
    assert _is_calm(lines.getvalue().replace("\x7f", ""))
    live = io.StringIO()
    with Rich(live, many=True) as rich:
        for event in told:
            rich(event)
    assert not (UNSEEN - {"\x1b", "\r"}) & set(live.getvalue())
    assert "\x1b[2J" not in live.getvalue()
