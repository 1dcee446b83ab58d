from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.app import run
from pipeline.inspection.views import STATISTICS


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = run([str(word) for word in words])
    return code, capsys.readouterr().out


def test_people_get_a_table_with_totals(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out = said(capsys, "inspect", run_folder)
    lines = out.splitlines()
    assert (code, lines[0]) == (0, "Caffe network small")
    assert lines[1].split()[:2] == ["layer", "type"]
    assert any(line.startswith("conv ") and "2x4x8x8" in line for line in lines)
    assert any(line.startswith("7 layers, 433 parameters, ") for line in lines)


@pytest.mark.parametrize("file", ["graph.json", "deploy.prototxt", "model.caffemodel", "predict_net.pb", "init_net.pb"])
def test_programs_get_strict_json_for_every_format(
    run_folder: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    code, out = said(capsys, "inspect", run_folder / file, "--json")
    found = json.loads(out, parse_constant=pytest.fail)
    assert code == 0
    assert found["totals"]["parameters"] == 433
    assert all(layer["type"] for layer in found["layers"])


def test_windows_are_told_with_what_is_unusual_in_them(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in ("", "graph.json", "predict_net.pb"):
        _, out = said(capsys, "inspect", run_folder / file, "--json")
        windows = {layer["name"]: layer["window"] for layer in json.loads(out)["layers"] if layer["window"]}
        assert list(windows.values()) == ["3x3 pad 1", "2x2 stride 2"]
    assert " 3x3 pad 1 " in said(capsys, "inspect", run_folder)[1]


def test_one_layer_is_told_with_all_attributes(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out = said(capsys, "inspect", run_folder, "--layer", "conv")
    told = {line.split("  ")[0]: line.split()[-1] for line in out.splitlines()[1:]}
    assert told["type"] == "Convolution"
    assert told["convolution_param.num_output"] == "4"
    assert told["convolution_param.pad"] == "[1]"
    assert "3x3 in steps of 1x1" in out
    assert "weight 0" in out
    assert said(capsys, "inspect", run_folder, "--layer", "nothing")[0] == 2


def test_statistics_of_weights_are_shown_with_a_spark_line(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out = said(capsys, "inspect", run_folder, "--stats")
    header, *rows = out.splitlines()[1:]
    assert header.split() == ["layer", "weight", "shape", *STATISTICS]
    assert len(rows) == 3
    assert "█" in rows[0]
    _, out = said(capsys, "inspect", run_folder, "--layer", "ip", "--stats", "--json")
    (layer,) = json.loads(out)["layers"]
    statistics = layer["weights"]["0"]["statistics"]
    assert (statistics["count"], statistics["nans"], sum(statistics["histogram"])) == (320, 0, 320)


def test_a_prototxt_alone_has_no_statistics(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.prototxt").write_text((run_folder / "deploy.prototxt").read_text())
    assert said(capsys, "inspect", tmp_path / "net.prototxt", "--stats")[1].endswith(
        "no weights are there to look at\n"
    )


def test_the_tree_sums_up_what_is_inside(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out = said(capsys, "inspect", run_folder / "graph.json", "--tree")
    rows = {
        line.split("  ")[0] if not line.startswith(" ") else line.strip().split("  ")[0]: line
        for line in out.splitlines()
    }
    assert rows["."].split()[-2:] == ["433", rows["."].split()[-1]]
    assert rows["1"].split()[1] == "108"
    _, out = said(capsys, "inspect", run_folder / "graph.json", "--tree", "--json")
    places = {tuple(place["path"]): place for place in json.loads(out)}
    assert places["1",]["parameters"] == 108
    assert places["1", "conv", "conv"]["types"] == ["Conv"]
    assert places[()]["multiply_adds"] == sum(
        place["multiply_adds"] for path, place in places.items() if len(path) == 1
    )


def test_filters_are_drawn_into_a_file_and_never_over_another_one(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "pictures" / "filters.png"
    code, out = said(capsys, "inspect", run_folder, "--filters", picture)
    assert (code, out) == (0, f"{picture}\n")
    first = picture.read_bytes()
    assert first.startswith(b"\x89PNG")
    assert said(capsys, "inspect", run_folder, "--filters", picture)[0] == 0  # it is one of ours
    code, out = said(capsys, "inspect", run_folder, "--filters", picture, "--json")
    assert json.loads(out)["title"].startswith("Filters of ")
    picture.write_bytes(b"\x89PNG of somebody else")
    assert said(capsys, "inspect", run_folder, "--filters", picture)[0] == 2
    assert picture.read_bytes() == b"\x89PNG of somebody else"


def test_a_picture_is_not_called_what_it_is_not(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "inspect", run_folder, "--filters", tmp_path / "filters.jpg")[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_open_without_netron_names_the_extra(
    run_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "netron", None)
    assert run(["inspect", str(run_folder), "--open"]) == 2
    assert "torch2caffe2[view]" in capsys.readouterr().err


def test_a_layer_without_any_word_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bare.caffemodel").write_bytes(b"\xa2\x06\x00")
    assert run(["inspect", str(tmp_path / "bare.caffemodel")]) == 0
    assert "1 layer" in capsys.readouterr().out
