"""A few damaged files of every format: `make fuzz` tries thousands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

_FEW = """
import sys
from pathlib import Path
from tests.fuzz.campaign import campaign, refused
from tests.fuzz.sandbox import Sandbox
sandbox = Sandbox.make(Path(sys.argv[1]))
refusals = [f"{name} refuses what is sound: {words}" for name in sys.argv[2:] for words in refused(sandbox, name)]
tried = [batch for name in sys.argv[2:] for batch in campaign(sandbox, name, 1, inputs=6)]
found = [str(finding) for _, findings in tried for finding in findings]
print(*refusals, *found, sep="\\n", file=sys.stderr)
sys.exit(len(refusals + found))
"""
_READ = ("t7", "t7-ascii", "prototxt", "caffemodel", "hdf5", "predict-net", "init-net", "onnx", "graph", "safetensors")


@pytest.mark.parametrize("names", [_READ, tuple(name for name in TARGETS if name not in _READ)], ids=["read", "kept"])
def test_no_damaged_file_makes_the_program_fail_hang_or_write_outside(tmp_path: Path, names: tuple[str, ...]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", _FEW, str(tmp_path), *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
