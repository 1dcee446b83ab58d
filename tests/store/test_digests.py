from __future__ import annotations

import os
from pathlib import Path

import pytest
from blake3 import blake3

from pipeline.store import digests
from pipeline.store.digests import Digests, canonical, digest_of

_OLD = 1_600_000_000


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Digests:
    (tmp_path / "digests").mkdir()
    monkeypatch.setattr(digests, "_TICK_NS", -1)
    monkeypatch.setattr(digests, "_COARSE_TICK_NS", -1)
    monkeypatch.setattr(digests, "_WORTH", 0)
    return Digests(tmp_path / "digests")


def _count(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    read: list[Path] = []
    real = digests.file_digest
    monkeypatch.setattr(digests, "file_digest", lambda path: (read.append(path), real(path))[1])
    return read


def test_a_digest_is_that_of_the_bytes(cache: Digests, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    assert cache.of(path) == blake3(b"hello").hexdigest() == cache.of(path)


def test_an_unchanged_file_is_read_once(cache: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = _count(monkeypatch)
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    cache.of(path)
    cache.of(path)
    assert read == [path]


def test_a_file_rewritten_with_the_same_size_and_time_is_read_again(cache: Digests, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    os.utime(path, (_OLD, _OLD))
    first = cache.of(path)
    path.write_bytes(b"HELLO")
    os.utime(path, (_OLD, _OLD))
    assert cache.of(path) != first


def test_a_file_just_written_is_not_remembered(cache: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_TICK_NS", 10**15)
    monkeypatch.setattr(digests, "_COARSE_TICK_NS", 10**15)
    read = _count(monkeypatch)
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    cache.of(path)
    cache.of(path)
    assert len(read) == 2


def test_a_small_file_is_read_each_time_and_nothing_is_kept_of_it(tmp_path: Path) -> None:
    path, cache = tmp_path / "a", Digests(tmp_path / "digests")
    cache.folder.mkdir()
    path.write_bytes(b"hello")
    cache.remember(path, "wrong")
    assert cache.of(path) == blake3(b"hello").hexdigest()
    assert list(cache.folder.iterdir()) == []
    path.write_bytes(b"x" * (1 << 16))
    cache.remember(path, "remembered")
    assert cache.of(path) == "remembered"


@pytest.mark.parametrize("junk", [b"", b"1 2 3", b"\xff\xfe", b"x" * 200])
def test_a_torn_entry_is_as_good_as_none(cache: Digests, tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    right = cache.of(path)
    (entry,) = cache.folder.iterdir()
    entry.write_bytes(junk)
    assert cache.of(path) == right


def test_an_entry_with_a_flipped_digit_is_not_believed(cache: Digests, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    right = cache.of(path)
    (entry,) = cache.folder.iterdir()
    text = entry.read_text()
    entry.write_text(text.replace(right[:4], "0000"))
    assert cache.of(path) == right


def test_a_hard_link_does_not_cost_a_second_reading(
    cache: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    cache.of(path)
    before = path.stat()
    (tmp_path / "b").hardlink_to(path)
    cache.relinked(path, before)
    read = _count(monkeypatch)
    cache.of(path)
    cache.of(tmp_path / "b")
    assert read == []


def test_canonical_json_has_one_spelling() -> None:
    assert canonical({"b": 1, "a": [1.5, "é"]}) == b'{"a":[1.5,"\\u00e9"],"b":1}'
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))


def test_two_kinds_of_thing_never_have_one_digest() -> None:
    assert digest_of("a", 1) != digest_of("b", 1)


def test_what_is_digested_ahead_is_not_read_again(
    cache: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = _count(monkeypatch)
    path = tmp_path / "large"
    path.write_bytes(b"x" * (2 << 20))
    cache.ahead([path, path, tmp_path / "missing"])
    assert cache.of(path) == blake3(b"x" * (2 << 20)).hexdigest()
    cache.ahead([path])
    assert cache.of(path) == blake3(b"x" * (2 << 20)).hexdigest()
    assert read == [path]


def test_a_file_that_changes_after_it_was_digested_ahead_is_read_again(cache: Digests, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * (2 << 20))
    cache.ahead([path])
    path.write_bytes(b"y" * (3 << 20))
    assert cache.of(path) == blake3(b"y" * (3 << 20)).hexdigest()


def test_a_file_is_read_again_after_the_machine_was_restarted(
    cache: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    cache.of(path)
    monkeypatch.setattr(digests, "_boot", lambda: "another")
    read = _count(monkeypatch)
    cache.of(path)
    assert read == [path]


def test_machines_that_share_a_store_remember_each_for_itself(
    cache: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    cache.of(path)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(digests, "_machine", lambda: "0123abcd")
        elsewhere.setattr(digests, "_boot", lambda: "another")
        cache.of(path)
    read = _count(monkeypatch)
    cache.of(path)
    assert read == []
