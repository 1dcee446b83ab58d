from __future__ import annotations

import gzip
import io
import lzma
import pickle
import zipfile

import pytest

from pipeline.errors import InvalidInputError
from pipeline.torch7.reader import read_bytes
from tests.torch7.writer import dumps, nn


def zipped(name):
    """Return a zip archive with one file of that name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, b"x" * 100)
    return stream.getvalue()


FOREIGN = [
    (b"", "an empty file", "again"),
    (b"PK\x03\x04" + bytes(100), "zip archive, which is how PyTorch saves", ".t7"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "checkpoint of PyTorch before 1.6", ".t7"),
    (pickle.dumps({"a": 1}), "a Python pickle", "not opened"),
    (b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG image", "torch.save"),
    (gzip.compress(b"x" * 100), "a gzip archive", "gunzip"),
    (b"BZh91AY&SY", "a bzip2 archive", "bunzip2"),
    (b"\x89HDF\r\n\x1a\n" + bytes(50), "an HDF5 file", "--weights"),
    (b"\x93NUMPY\x01\x00" + bytes(50), "a numpy array", "torch.save"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "pointer of Git LFS", "git lfs pull"),
    (b'name: "net"\nlayer { type: "Data" }\n', "text file like Caffe's prototxt", "--weights"),
    (b"server {\n  listen 80;\n}\n", "a text file", "torch.save"),
    ("größe: 5\n".encode(), "a text file", "torch.save"),
    (b"<!DOCTYPE html><html></html>", "a web page", "fetch"),
    (b"\x40\0\0\0\0\0\0\0" + b'{"weight":{}}', "a safetensors file", "torch.save"),
    (bytes(257) .replace(b"\0", b"a") + b"ustar\x0000" + bytes(300), "a tar archive", "tar xf"),
    (b"\x1bLJ\x01" + bytes(30), "LuaJIT bytecode", "torch.save"),
    (bytes(64), "only zero bytes", "again"),
    (zipped("arr_0.npy"), "numpy arrays", "--reference"),
    (zipped("model.t7"), "a zip archive", "unzip"),
    (zipped("archive/data.pkl"), "which is how PyTorch saves", ".t7"),
    (zipped("constants.pkl"), "which is how PyTorch saves", ".t7"),
    (lzma.compress(b"x" * 99, format=lzma.FORMAT_ALONE), "an lzma archive", "unlzma"),
    (b"\x1f\x9d\x90abc", "a compressed file", "uncompress"),
    (b"/annex/objects/SHA256E-s1--aa\n", "a pointer of git-annex", "git annex get"),
    (b"II*\0\x08\0\0\0", "a TIFF image", ""),
    (b"BM\x66\0\0\0\0\0\0\0\x36", "a BMP image", ""),
    (b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP image", ""),
    (b"MZ\x90\0\3\0\0\0", "a program of Windows", ""),
    (b"\x12\1\0\0\0\0\0\0\0\0\0\0", "parameters of MXNet", ""),
    (b"\x1c\0\0\0TFL3" + bytes(20), "a model of TensorFlow Lite", ""),
    (b"\x0a\x14\x0a\5input\x12\x0bPlaceholder", "a graph of TensorFlow", ""),
    (b"\x89HDF\r\n\x1a\n" + bytes(40) + b"iter\0learned_net\0history", "a solver's state", ".caffemodel"),
    (b"\x89HDF\r\n\x1a\n" + bytes(40) + b"model_weights", "a model of Keras", ""),
    (b"\x08\x64\x12\x0enet.caffemodel\x1a\0", "a solver's state", ".caffemodel"),
    (b"layer {\0 }\n", "a text file with a NUL character, at byte 7", "take it out"),
    (b"require 'nn'\nlocal m = nn.Sequential()\n", "Lua source", "Torch7 saved"),
    (b'item {\n  name: "cat"\n  label: 1\n}\n', "a text file", ""),
    (b'node {\n  name: "x"\n  op: "Relu"\n}\n', "a text file", ""),
    (dumps(nn("Tanh", a=1), ascii=True).replace(b"\n", b"\r\n"), "line ends were changed", "binary"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "name", "advice"), FOREIGN, ids=[name for _, name, _ in FOREIGN])
def test_another_format_is_named_with_what_to_do(data, name, advice):
    with pytest.raises(InvalidInputError) as caught:
        read_bytes(memoryview(data))
    assert name in caught.value.what
    assert advice in caught.value.advice


@pytest.mark.parametrize(
    "data", [b"\xff" * 64, b"\x09\0\0\0" + bytes(32) + b"\1", bytes(8) + b"\2 weights", b"\x0a\x05resnet\x12\x80\x01"]
)
def test_an_unknown_format_shows_how_it_begins(data):
    with pytest.raises(InvalidInputError) as caught:
        read_bytes(memoryview(data))
    assert caught.value.what == "this is not a Torch7 file"
    assert data[:4].hex(" ") in caught.value.why
