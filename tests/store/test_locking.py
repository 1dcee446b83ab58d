"""Locks by the path of a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.store import locking


def test_one_holder_has_a_lock_at_a_time(tmp_path: Path) -> None:
    with locking.lock(tmp_path / "one"):
        with pytest.raises(locking.Timeout):
            locking.lock(tmp_path / "one").acquire(timeout=0)
        with locking.lock(tmp_path / "another"):
            pass
    with locking.lock(tmp_path / "one"):
        pass


def test_a_lock_in_a_store_that_was_removed_does_not_make_its_folder_again_which_would_have_no_mark(
    tmp_path: Path,
) -> None:
    with pytest.raises(FileNotFoundError), locking.lock(tmp_path / "store" / "locks" / "one"):
        pass
    assert not (tmp_path / "store").exists()
