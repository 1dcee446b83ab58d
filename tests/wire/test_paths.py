"""A path is one however it is spelt, where the file system takes it for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.wire.paths import canonical


@pytest.fixture
def _case_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the system find a file under each spelling of its name, as a file system of Windows or macOS does."""
    monkeypatch.setattr(Path, "samefile", lambda one, other: str(one).casefold() == str(other).casefold())


@pytest.mark.usefixtures("_case_does_not_count")
def test_what_has_many_spellings_has_the_one_that_is_listed(tmp_path: Path) -> None:
    (tmp_path / "Net").mkdir()
    (tmp_path / "Net" / "Deploy.prototxt").touch()
    assert canonical(tmp_path / "nET" / "x" / ".." / "Y.t7") == tmp_path / "Net" / "Y.t7"
    (tmp_path / "link").symlink_to(tmp_path / "Net" / "Deploy.prototxt")
    assert canonical(tmp_path / "link") == tmp_path / "Net" / "Deploy.prototxt"


def test_where_case_counts_two_names_of_one_file_stay_two(tmp_path: Path) -> None:
    (tmp_path / "net").touch()
    assert canonical(tmp_path / "NET") == tmp_path / "NET"
    (tmp_path / "NET").hardlink_to(tmp_path / "net")
    assert [canonical(tmp_path / name).name for name in ("net", "NET")] == ["net", "NET"]
