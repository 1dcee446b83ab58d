"""Recognises what a file is that is no network, so that the error can name it and say what to do."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_PYTORCH = "PyTorch's own models cannot be read; give the .t7 that it was made from"
_UNPACK = "unpack it and give the file inside"
_PYTORCH_MAGIC = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
_TEXT = re.compile(r"[^\0-\x08\x0e-\x1f\x7f]+\Z")
_MEAN = re.compile(rb"\x08[\x80-\xff]*[\0-\x7f]\x10[\x80-\xff]*[\0-\x7f]\x18")  # num, channels, height of a BlobProto
_SNAPSHOT = re.compile(rb"\x08[\x80-\xff]*[\0-\x7f][\x12\x1a]")  # iter, and learned_net or history, of a SolverState
_SOLVER = re.compile(
    rb"^\s*(net|train_net|test_net|base_lr|lr_policy|max_iter|solver_mode|snapshot_prefix)\s*:", re.MULTILINE
)
_LAYER = re.compile(rb"^\s*layers?\s*\{", re.MULTILINE)
_PROTOTXT = re.compile(rb"^\s*(layers?\s*\{|name\s*:|input\s*:|input_dim\s*:)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A format by its name with an article, and what a user who has such a file can do with it, if anything."""

    name: str
    advice: str = ""


_MAGICS: tuple[tuple[bytes, Foreign], ...] = (
    (b"version https://git-lfs", Foreign("a pointer of Git LFS", "fetch the file itself: git lfs pull")),
    (b"\x89PNG\r\n", Foreign("a PNG image")),
    (b"\xff\xd8\xff", Foreign("a JPEG image")),
    (b"GIF8", Foreign("a GIF image")),
    (b"\x1f\x8b", Foreign("a gzip archive", f"{_UNPACK}: gunzip or tar xzf")),
    (b"BZh", Foreign("a bzip2 archive", f"{_UNPACK}: bunzip2 or tar xjf")),
    (b"\xfd7zXZ", Foreign("an xz archive", f"{_UNPACK}: unxz or tar xJf")),
    (b"7z\xbc\xaf\x27\x1c", Foreign("a 7z archive", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Foreign("a Zstandard archive", f"{_UNPACK}: unzstd")),
    (b"Rar!", Foreign("a RAR archive", _UNPACK)),
    (b"\x89HDF\r\n", Foreign("an HDF5 file", "weights of Caffe in HDF5 go with a prototxt: --weights FILE")),
    (b"\x93NUMPY", Foreign("a numpy array")),
    (b"MATLAB 5.0", Foreign("a MATLAB file")),
    (b"GGUF", Foreign("a GGUF model")),
    (b"\x1bLJ", Foreign("LuaJIT bytecode")),
    (b"\x1bLua", Foreign("Lua bytecode")),
    (b"\x7fELF", Foreign("a program (ELF)")),
    (b"%PDF", Foreign("a PDF document")),
    (b"SQLite format 3", Foreign("an SQLite database")),
)


def foreign(data: memoryview) -> Foreign | None:
    """Name what a file is that is of none of the formats here; None where it is not known."""
    head = bytes(data[:4096])
    if not head:
        return Foreign("an empty file", "fetch or save it again")
    for magic, found in _MAGICS:
        if head.startswith(magic):
            return found
    if not any(head):
        return Foreign("only zero bytes", "an unfinished download or copy looks so: fetch or copy it again")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _is_wide(head):
        return Foreign("a text file in UTF-16", "save it in UTF-8: iconv -f utf-16 -t utf-8")
    return _python(head) or _archive(head) or _caffe(head) or _text(head)


def _python(head: bytes) -> Foreign | None:
    if head.startswith(b"PK\x03\x04"):
        return Foreign("a zip archive, which is how PyTorch saves since 1.6", _PYTORCH)
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        if _PYTORCH_MAGIC in head[:32]:
            return Foreign("a checkpoint of PyTorch before 1.6 (a pickle)", _PYTORCH)
        return Foreign("a Python pickle", f"{_PYTORCH}; a pickle can run any code, so it is not opened")
    return None


def _archive(head: bytes) -> Foreign | None:
    if head[257:262] == b"ustar":
        return Foreign("a tar archive", f"{_UNPACK}: tar xf")
    if head[8:10] == b'{"':
        return Foreign("a safetensors file")
    return None


def _caffe(head: bytes) -> Foreign | None:
    """Name what Caffe keeps beside networks: solvers, and messages that begin with a number, as no network does."""
    if _SOLVER.search(head) and not _LAYER.search(head):
        return Foreign("a solver of Caffe, which says how a network is trained", "give the network that its net: names")
    if _MEAN.match(head):
        return Foreign("a mean image or another array of Caffe (.binaryproto)", "give the .caffemodel of the network")
    if _SNAPSHOT.match(head):
        return Foreign("a solver's state (.solverstate)", "give the .caffemodel that was saved together with it")
    return None


def _text(head: bytes) -> Foreign | None:
    try:
        # The last character may be cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return None
    if not _TEXT.match(text):
        return None
    start = head.lstrip()[:64].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return Foreign("a web page", "the download gave a page instead of the file: fetch it again")
    if re.match(rb"[0-8]\r\n", head):
        advice = "write the bytes as they were: no text mode in ftp or git (*.t7 binary in .gitattributes)"
        return Foreign("an ascii Torch7 file whose line ends were changed to CR LF", advice)
    if _PROTOTXT.search(head):
        return Foreign("a text file like Caffe's prototxt", "give its weights too: --weights FILE.caffemodel")
    return Foreign("a text file")


def _is_wide(head: bytes) -> bool:
    """Tell text in UTF-16 without a mark of byte order: every other byte of Latin letters is 0."""
    even, odd = head[:64:2], head[1:64:2]
    return any(
        set(zeros) == {0} and _TEXT.match(letters.decode("latin-1")) for zeros, letters in ((even, odd), (odd, even))
    )
