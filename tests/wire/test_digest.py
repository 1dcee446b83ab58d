import pytest

from pipeline.wire import digest
from pipeline.wire.digest import file_digest

# of the definition's own test vectors, and of `b3sum`
EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
ABC = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"


@pytest.mark.parametrize(("data", "right"), [(b"", EMPTY), (b"abc", ABC)])
def test_a_digest_is_blake3(tmp_path, data, right):
    (tmp_path / "file").write_bytes(data)
    assert file_digest(tmp_path / "file") == right == digest.digest([data])


def test_it_does_not_depend_on_how_the_bytes_are_cut(tmp_path, monkeypatch):
    data = bytes(range(256)) * 40
    (tmp_path / "file").write_bytes(data)
    monkeypatch.setattr(digest, "_BLOCK", 1000)
    assert file_digest(tmp_path / "file") == digest.digest([data[:77], memoryview(data)[77:]])
