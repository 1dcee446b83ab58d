from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.app import run
from pipeline.inspection.support import markdown


def test_what_is_supported_is_printed_as_a_table_as_data_and_as_a_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["operators", "--of", "layers"]) == 0
    assert "\nPooling " in capsys.readouterr().out
    assert run(["operators", "--of", "layers", "--json"]) == 0
    assert {"Convolution", "LRN"} <= {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert run(["operators", "--markdown"]) == 0
    assert capsys.readouterr().out == markdown()
    assert run(["operators", "--of", "nothing"]) == 2


def test_what_a_file_has_and_we_lack_ends_with_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text('layer { name: "odd" type: "MyLayer" top: "y" }\n')
    assert run(["operators", "--missing", str(path), "--json"]) == 4
    assert json.loads(capsys.readouterr().out) == [{"kind": "MyLayer", "count": 1, "first": "odd"}]
    path.write_text('layer { name: "fine" type: "ReLU" bottom: "x" top: "y" }\n')
    assert run(["operators", "--missing", str(path)]) == 0
    assert capsys.readouterr().err == "everything in it is supported\n"
