"""Where the fixtures lie that are too large for this repository; tests over them are skipped without."""

import os
from pathlib import Path

import pytest

_SHARED = Path(os.environ.get("TORCH2CAFFE2_SHARED") or Path(__file__).parents[2] / "shared")


def shared(*parts: str) -> Path:
    """Give a file or folder of the shared fixtures, or skip the test."""
    path = _SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path} is not here; set TORCH2CAFFE2_SHARED to the folder of fixtures")
    return path
