from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import load
from pipeline.engine import events
from pipeline.engine.sources import idle, recognise
from pipeline.errors import InvalidInputError, UsageError
from tests.engine.fakes import EMIT, IMPORT, TRANSLATE, Bench


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


def blob(*numbers: float) -> bytes:
    """Return a BlobProto as Caffe's compute_image_mean writes it."""
    data = np.array(numbers, np.float32).tobytes()
    return b"\x08\x01\x10\x03\x18\x02\x20\x02\x2a" + bytes([len(data)]) + data


SNAPSHOT = b"\x08\x90\x4e\x12\x05a.net\x1a" + bytes([len(blob(1, 2))]) + blob(1, 2)

PROTOTXT = b'layer { name: "a" type: "ReLU" }'

WRONG = {
    "a web page": b"<html>no such file</html>",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1",
    "a gzip archive": b"\x1f\x8b\x08",
    "a mean image": blob(1, 2, 3),
    "a solver's state": SNAPSHOT,
    "a solver of Caffe": b'net: "train.prototxt"\nbase_lr: 0.01\n',
    "a text file in UTF-16": PROTOTXT.decode().encode("utf-16"),
    "text file in UTF-16": PROTOTXT.decode().encode("utf-16-le"),
    "in UTF-16": PROTOTXT.decode().encode("utf-16-be"),
    "only zero bytes": bytes(100),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_named_by_its_users_path_whatever_it_came_by(tmp_path: Path, name: str) -> None:
    for model, weights, wrong in ((PROTOTXT, WRONG[name], "w"), (WRONG[name], b"\xa2\x06\x00", "file.bin")):
        with pytest.raises(InvalidInputError) as caught:
            _recognise(tmp_path, model, weights)
        assert name in caught.value.what
        assert caught.value.where == str(tmp_path / wrong)
        assert caught.value.advice


def test_a_caffemodel_given_twice_asks_for_the_prototxt(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        _recognise(tmp_path, b"\xa2\x06\x03\x0a\x01a", b"\xa2\x06\x03\x0a\x01a")
    assert "file.bin is a caffemodel, as w is" in caught.value.what
    assert caught.value.advice == "torch2caffe2 convert PROTOTXT --weights w"


@pytest.mark.parametrize("data", [b"\x08\x08\x12\x01a\x3a\x02\x0a\x00", b"\x0a\x01n\x12\x06\x12\x01y\x22\x01R"])
def test_a_network_that_no_conversion_starts_from_is_named(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UsageError, match="which no conversion starts from"):
        _recognise(tmp_path, data)


def test_a_file_that_nobody_knows_is_no_torch_file_that_has_weights(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="is no network") as caught:
        _recognise(tmp_path, b"\xff" * 20, b"\xa2\x06\x00")
    assert "ff ff ff" in caught.value.why


@pytest.mark.parametrize("cut", [b"\xa2\x06\x7f\x0a\x01a", b"\x0a\x01n\xa2\x06\x7f\x0a\x01a"])
def test_a_caffemodel_that_ends_in_its_first_layer_is_known_as_one(tmp_path: Path, cut: bytes) -> None:
    with pytest.raises(InvalidInputError, match="is a caffemodel"):
        _recognise(tmp_path, cut)


def test_a_caffemodel_alone_asks_for_its_prototxt(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError) as caught:
        _recognise(tmp_path, b"\xa2\x06\x03\x0a\x01a")
    assert caught.value.advice == "torch2caffe2 convert PROTOTXT --weights file.bin"


def test_an_option_for_another_format_is_told_to_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "net.t7").write_bytes(b"4\n1\n3\n")
    asked: dict[str, object] = {"cut": ("auto",), "phase": "TEST", "root": "model.net", "level": None, "states": False}
    (options,) = load(None, {"model": tmp_path / "net.t7", **asked}, {})
    assert idle(options, recognise(options)) == [
        "--cut is for Caffe networks, and has no effect",
        "--phase is for Caffe networks, and has no effect",
    ]


def test_a_run_notes_an_option_that_changes_nothing_and_goes_on(bench: Bench) -> None:
    takes_level = replace(TRANSLATE, options=(*TRANSLATE.options, "level"))
    assert bench.run(stages=(IMPORT, EMIT, takes_level), level=1).exit_code == 0
    notes = [event.text for event in bench.events if isinstance(event, events.StageNote)]
    assert notes == ["--level is for Caffe networks, and has no effect"]
    assert bench.run(stages=(IMPORT, EMIT, takes_level), level=2).exit_code == 0
    assert bench.hits() == ["import", "emit", "translate"]
