from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import load
from pipeline.engine.sources import recognise
from pipeline.errors import InvalidInputError, UsageError


def _recognise(folder: Path, data: bytes, weights: bytes | None = None):
    model = folder / "file.bin"  # the name says nothing
    model.write_bytes(data)
    typed: dict[str, object] = {"model": model}
    if weights is not None:
        typed["weights"] = folder / "w"
        (folder / "w").write_bytes(weights)
    (options,) = load(None, typed, {})
    return recognise(options)


@pytest.mark.parametrize("data", [b"\x04\0\0\0rest", b"4\n1\n3\n", b"", b"\xff\xd8 a jpeg", b"\x1f\x8b gzip"])
def test_what_is_no_prototxt_goes_to_the_import(tmp_path: Path, data: bytes) -> None:
    assert _recognise(tmp_path, data).kind == "t7"


@pytest.mark.parametrize("data", [b'name: "n"\n', b"layer {\n", b"# made by hand\n\nlayers{", b'input : "data"'])
def test_a_prototxt_needs_its_weights(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InvalidInputError, match="prototxt") as caught:
        _recognise(tmp_path, data)
    assert "--weights" in caught.value.advice
    assert _recognise(tmp_path, data, b"\xffweights").kind == "caffe"


def test_a_torch_file_takes_no_weights(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds its weights itself"):
        _recognise(tmp_path, b"\x04\0\0\0rest", b"\xffweights")


def test_hdf5_weights_keep_the_suffix_that_caffe_knows_them_by(tmp_path: Path) -> None:
    assert set(_recognise(tmp_path, b"layer {", b"\x89HDF\r\n\x1a\n...").files) == {
        "deploy.prototxt",
        "model.caffemodel.h5",
    }
