"""What all tests share."""

import os
import tempfile

import pytest
from hypothesis import settings

from tests import published

# A slow machine is no failure.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")

_SCRATCH = tempfile.TemporaryDirectory(prefix="torch2caffe2-tests-")
os.environ.pop("COLUMNS", None)  # tables are as wide as they are, unless a test says otherwise
os.environ["TORCH2CAFFE2_STORE"] = f"{_SCRATCH.name}/store"  # never the user's own
published.hold()  # before tests take what it checks by name


@pytest.fixture(scope="session", autouse=True)
def _leave_nothing() -> object:
    yield
    _SCRATCH.cleanup()
