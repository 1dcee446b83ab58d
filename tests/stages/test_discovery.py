from __future__ import annotations

import subprocess
import sys

from pipeline.engine import dag
from pipeline.stages.discovery import discover


def test_every_stage_is_found_by_its_file() -> None:
    assert [stage.name for stage in discover()] == [
        "emit",
        "export-onnx",
        "export-pt2",
        "export-pytorch",
        "import",
        "translate",
        "verify",
    ]
    assert {stage.module for stage in discover()} >= {"pipeline.stages.import_", "pipeline.stages.verify"}


def test_what_the_stages_declare_makes_the_pipeline() -> None:
    assert [s.name for s in dag.route(discover(), {"t7"})] == ["import", "emit", "translate", "verify"]
    assert [s.name for s in dag.route(discover(), {"caffe"})] == ["translate", "verify"]


def test_a_stage_declares_only_options_that_there_are() -> None:
    from pipeline.config import OPTIONS

    for stage in discover():
        assert set(stage.options) <= set(OPTIONS), stage.name


def test_listing_the_stages_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pipeline.stages.discovery import discover; discover();"
        "print([m for m in ('numpy', 'torch', 'google', 'torchfile', 'networkx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
