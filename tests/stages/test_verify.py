from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import convert

DEMO = Path(__file__).parents[1] / "data" / "demo" / "model.t7"


def test_what_others_make_of_the_users_own_file_does_not_bind(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    assert convert(DEMO, tmp_path / "out", inputs=("1x1x32x32",), runtimes=("OpenCV",)).exit_code == 0
    checks = json.loads((tmp_path / "out" / "verification.json").read_text())["checks"]
    assert {(check["reads"], check["binding"]) for check in checks if check["by"].startswith("OpenCV")} == {
        ("t7", False),
        ("caffe", True),
    }


def test_a_conversion_to_caffe_alone_is_verified(tmp_path: Path) -> None:
    outcome = convert(DEMO, tmp_path / "out", inputs=("1x1x32x32",), to=("caffe",), runtimes=("none",))
    assert [(stage.name, stage.state) for stage in outcome.record.stages] == [
        ("import", "done"),
        ("emit", "done"),
        ("verify", "done"),
    ]
    checks = json.loads((tmp_path / "out" / "verification.json").read_text())["checks"]
    assert [(check["reads"], check["status"]) for check in checks] == [("caffe", "agrees")]
