from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli.app import run
from pipeline.cli.columns import lines, terminal_width

DATA = Path(__file__).parent.parent / "data" / "torch7"
NETWORKS = ("fcn_seg_head", "charcnn_crepe", "gModule_branches")
WIDTH = 80


def spec(shape: list[int]) -> str:
    return "x".join(map(str, shape))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three networks, and one for each of what became of it."""
    folder = tmp_path_factory.mktemp("tables")
    toml = ['output = "out"', 'store = "store"']
    for name in NETWORKS:
        shutil.copy(DATA / name / "model.t7", folder / f"{name}.t7")
        shapes = json.loads((DATA / name / "meta.json").read_text())["input_shapes"]
        toml += ["[[model]]", f'model = "{name}.t7"', f"inputs = {[spec(shape) for shape in shapes]}"]
    (folder / "all.toml").write_text("\n".join(toml))
    assert run(["convert", "--config", str(folder / "all.toml"), "--progress", "none"]) == 0
    return folder


def commands(folder: Path) -> Iterator[list[str]]:
    store = f"--store={folder / 'store'}"
    yield from (["operators", f"--of={what}"] for what in ("modules", "operators", "layers"))
    yield from (["cache", what, store] for what in ("list", "check"))
    yield ["cache", "collect", store, "--older-than=0d", "--dry-run"]
    yield ["doctor"]
    yield from ([what, f"--config={folder / 'all.toml'}"] for what in ("plan", "scan"))
    yield ["convert", f"--config={folder / 'all.toml'}", "--progress=none"]
    for name in NETWORKS:
        model, out = folder / f"{name}.t7", folder / "out" / name
        for path in (model, out, out / "graph.json", out / "model.caffemodel", out / "predict_net.pb"):
            yield from (["inspect", str(path), *more] for more in ([], ["--tree"], ["--stats"]))
            yield ["operators", "--missing", str(path)]
        yield ["inspect", str(out / "predict_net.pb"), "--layer", "data"]
        yield ["scan", str(model)]
        yield ["status", str(out)]
        yield ["lineage", str(out / "graph.json"), store]
        yield ["diff", str(out / "graph.json"), str(folder / "out" / NETWORKS[0] / "deploy.prototxt")]
        yield ["verify", str(out), "--progress=none"]


def test_no_line_of_a_table_is_wider_than_the_terminal(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    printed = 0
    for words in commands(folder):
        run(words)
        out, err = capfd.readouterr()
        told = out.splitlines() + ([] if err.startswith("error") else err.splitlines())
        assert [(words, line) for line in told if len(line) > WIDTH] == []
        printed += len(told)
    assert printed > 500


def test_a_terminal_tells_its_width_and_a_pipe_has_none(folder: Path) -> None:
    words = [sys.executable, "-m", "pipeline", "inspect", str(folder / "out" / NETWORKS[0])]
    around = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    piped = subprocess.run(words, env=around, capture_output=True, text=True, check=True).stdout
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, WIDTH))
    program = subprocess.Popen(words, env=around, stdout=theirs)
    os.close(theirs)
    told = _everything(ours)
    os.close(ours)
    assert program.wait() == 0
    assert max(map(len, piped.splitlines())) > WIDTH
    assert max(map(len, told.splitlines())) <= WIDTH
    assert sorted("".join(told.split())) == sorted("".join(piped.split()))


def _everything(number: int) -> str:
    found = b""
    while True:
        try:
            found += os.read(number, 1 << 16)
        except OSError:  # what Linux says of a terminal whose other end was closed
            return found.decode()


def test_texts_fold_in_their_columns_and_numbers_never_do() -> None:
    told = lines(("layer", "parameters", "why"), [("conv1", 123456, "the stride of the pool is negative")], 44)
    assert told == ["layer  parameters  why", "conv1     123,456  the stride of the pool is", f"{'':19}negative"]


def test_a_last_text_folds_where_that_spares_every_row_a_second_line() -> None:
    rows = [("OpenCV 4.14.0", 1, "11_LogSoftMax"), ("Caffe 1.0.0", 12, "4_SpatialConvolutionMM"), ("other", 2, "")]
    told = lines(("checked by", "values", "where"), rows, 40)
    first = ["checked by     values  where", "OpenCV 4.14.0       1  11_LogSoftMax"]
    assert told == [*first, "Caffe 1.0.0        12  4_Spatial", f"{'':23}ConvolutionMM", "other               2"]


def test_columns_without_room_follow_below_their_row() -> None:
    told = lines(("a", "b", "c"), [("x" * 20, "y" * 20, ""), ("", "", 7)], 30)
    below = ["    " + text.ljust(20) + number for text, number in (("b", "  c"), ("y" * 20, ""), ("", "  7"))]
    assert told == ["a", below[0], "x" * 20, below[1], "", below[2]]


def test_a_long_word_breaks_after_a_sign_and_else_anywhere() -> None:
    assert lines(("",), [("inception_3a/output_relu",)], 16) == ["inception_3a/", "output_relu"]
    assert lines(("",), [("x" * 20,)], 16) == ["x" * 16, "x" * 4]


def test_what_is_indented_stays_so_where_it_folds() -> None:
    assert lines(("",), [("  nn.Sequential of much",)], 16) == ["  nn.Sequential", "  of much"]


def test_what_would_move_the_cursor_is_spelt_out() -> None:
    assert lines(("",), [("a\nb\x1b[2Jc",)]) == [r"a\u000ab\u001b[2Jc"]


def test_a_width_that_nobody_knows_folds_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    with (tmp_path / "file").open("w") as stream:
        assert terminal_width(stream) == 0
