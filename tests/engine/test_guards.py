"""What a run holds while it lives."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from threading import Timer

import pytest

from pipeline.engine import guards
from pipeline.errors import MachineError


def test_one_run_has_an_output_folder_and_others_can_tell(tmp_path: Path) -> None:
    assert not guards.is_held(tmp_path)
    with guards.only_one(tmp_path):
        assert guards.is_held(tmp_path)
        with pytest.raises(MachineError, match="another run"), guards.only_one(tmp_path):
            pass
    assert not guards.is_held(tmp_path)


def test_who_looks_whether_a_folder_is_held_keeps_no_run_from_it(tmp_path: Path) -> None:
    looking = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    assert not guards.is_held(tmp_path)  # others look, too
    Timer(0.02, os.close, [looking]).start()
    with guards.only_one(tmp_path):
        assert guards.is_held(tmp_path)
