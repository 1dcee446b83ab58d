"""A path is one however it is spelt, where the file system takes it for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.wire.paths import _folded, canonical

ONE, TWO = "r\u00e9seau", "re\u0301seau"  # é as one character, and as e and an accent


@pytest.fixture
def _case_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the system find a file under each spelling of its name, as a file system of Windows or macOS does."""
    monkeypatch.setattr(Path, "samefile", lambda one, other: _folded(str(one)) == _folded(str(other)))


@pytest.mark.usefixtures("_case_does_not_count")
def test_what_has_many_spellings_has_the_one_that_is_listed(tmp_path: Path) -> None:
    (tmp_path / "Net").mkdir()
    (tmp_path / "Net" / "Deploy.prototxt").touch()
    assert canonical(tmp_path / "nET" / "x" / ".." / "Y.t7") == tmp_path / "Net" / "Y.t7"
    (tmp_path / "link").symlink_to(tmp_path / "Net" / "Deploy.prototxt")
    assert canonical(tmp_path / "link") == tmp_path / "Net" / "Deploy.prototxt"


@pytest.mark.usefixtures("_case_does_not_count")
@pytest.mark.parametrize(("listed", "typed"), [(ONE, TWO), (TWO, ONE), (ONE.upper(), ONE), (TWO.upper(), TWO)])
def test_an_accent_that_is_a_character_of_its_own_makes_no_other_name(tmp_path: Path, listed: str, typed: str) -> None:
    (tmp_path / listed).touch()
    assert canonical(tmp_path / typed).name == listed


def test_where_each_byte_of_a_name_counts_two_accents_stay_two(tmp_path: Path) -> None:
    for name in (ONE, TWO):
        (tmp_path / name).touch()
    assert [canonical(tmp_path / name).name for name in (ONE, TWO)] == [ONE, TWO]


def test_where_case_counts_two_names_of_one_file_stay_two(tmp_path: Path) -> None:
    (tmp_path / "net").touch()
    assert canonical(tmp_path / "NET") == tmp_path / "NET"
    (tmp_path / "NET").hardlink_to(tmp_path / "net")
    assert [canonical(tmp_path / name).name for name in ("net", "NET")] == ["net", "NET"]
