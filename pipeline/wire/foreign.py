"""Recognises files of other formats, so that an error can say what a file is and what to do with it."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_PYTORCH = "PyTorch's own models cannot be read; give the .t7 that it was made from"
_UNPACK = "unpack it and give the file inside"
_TEXT = re.compile(r"[^\0-\x08\x0e-\x1f\x7f]+\Z")
_LAYER = re.compile(rb"^[^\S\n]*+layers?\s*\{", re.MULTILINE)
_VARINT = rb"[\x80-\xff]*[\0-\x7f]"


@dataclass(frozen=True, slots=True)
class Foreign:
    """The name of a format, with an article, and advice for the user of such a file, if there is any."""

    name: str
    advice: str = ""


_MAGICS: tuple[tuple[bytes, Foreign], ...] = (
    (b"version https://git-lfs", Foreign("a pointer of Git LFS", "fetch the file itself: git lfs pull")),
    (b"\x89PNG\r\n", Foreign("a PNG image")),
    (b"\xff\xd8\xff", Foreign("a JPEG image")),
    (b"GIF8", Foreign("a GIF image")),
    (b"II*\0", Foreign("a TIFF image")),
    (b"MM\0*", Foreign("a TIFF image")),
    (b"\x1f\x8b", Foreign("a gzip archive", f"{_UNPACK}: gunzip or tar xzf")),
    (b"BZh", Foreign("a bzip2 archive", f"{_UNPACK}: bunzip2 or tar xjf")),
    (b"\xfd7zXZ", Foreign("an xz archive", f"{_UNPACK}: unxz or tar xJf")),
    (b"7z\xbc\xaf\x27\x1c", Foreign("a 7z archive", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Foreign("a Zstandard archive", f"{_UNPACK}: unzstd")),
    (b"Rar!", Foreign("a RAR archive", _UNPACK)),
    (b"\x1f\x9d", Foreign("a compressed file (.Z)", f"{_UNPACK}: uncompress")),
    (b"\x5d\0\0\x80\0", Foreign("an lzma archive", f"{_UNPACK}: unlzma")),
    (b"/annex/objects/", Foreign("a pointer of git-annex", "fetch the file itself: git annex get")),
    (b"\x12\x01\0\0\0\0\0\0", Foreign("parameters of MXNet")),
    (b"\x89HDF\r\n", Foreign("an HDF5 file", "weights of Caffe in HDF5 go with a prototxt: --weights FILE")),
    (b"\x93NUMPY", Foreign("a numpy array")),
    (b"MATLAB 5.0", Foreign("a MATLAB file")),
    (b"GGUF", Foreign("a GGUF model")),
    (b"\x1bLJ", Foreign("LuaJIT bytecode")),
    (b"\x1bLua", Foreign("Lua bytecode")),
    (b"\x7fELF", Foreign("a program (ELF)")),
    (b"MZ\x90\0", Foreign("a program of Windows")),
    (b"%PDF", Foreign("a PDF document")),
    (b"SQLite format 3", Foreign("an SQLite database")),
)

_STATE = Foreign("a solver's state (.solverstate)", "give the .caffemodel that was saved together with it")
_KERAS = Foreign("a model of Keras")
_WIDE = Foreign("a text file in UTF-16", "save it in UTF-8: iconv -f utf-16 -t utf-8")
_TORCH_ZIP = Foreign("a zip archive, which is how PyTorch saves since 1.6", _PYTORCH)
# Regular expressions for the beginning of a file. The first that matches is taken.
_BEGINNINGS: tuple[tuple[bytes, Foreign], ...] = (
    (rb"\0+\Z", Foreign("only zero bytes", "an unfinished download or copy looks so: fetch or copy it again")),
    (rb"\xff\xfe|\xfe\xff", _WIDE),
    (rb".{257}ustar", Foreign("a tar archive", f"{_UNPACK}: tar xf")),
    (rb".{8}\{\"", Foreign("a safetensors file")),
    (rb".{4}TFL3", Foreign("a model of TensorFlow Lite")),
    (rb"RIFF.{4}WEBP", Foreign("a WebP image")),
    (rb"BM.{4}\0{4}", Foreign("a BMP image")),
    (
        rb"PK\x03\x04.{26}[\w./-]*\.npy",
        Foreign("a file of numpy arrays", "a reference goes with --reference FILE"),
    ),
    (rb"PK\x03\x04.{26}[^/]+/(data\.pkl|version|byteorder|\.format_version|constants\.pkl|data/|code/)", _TORCH_ZIP),
    (rb"PK\x03\x04.{26}([\w.-]+\.pkl|\0{8})", _TORCH_ZIP),
    (rb"PK\x03\x04", Foreign("a zip archive", f"{_UNPACK}: unzip")),
    (
        rb"\x80[\x02-\x05].{0,8}\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19",
        Foreign("a checkpoint of PyTorch before 1.6 (a pickle)", _PYTORCH),
    ),
    (
        rb"\x80[\x02-\x05]",
        Foreign("a Python pickle", f"{_PYTORCH}; a pickle can run any code, so it is not opened"),
    ),
    # A BlobProto: num, channels and height
    (
        rb"\x08%b\x10%b\x18" % (_VARINT, _VARINT),
        Foreign("a mean image or another array of Caffe (.binaryproto)", "give the .caffemodel of the network"),
    ),
    # A SolverState: iter, then learned_net (a file name) or history (a BlobProto)
    (rb"\x08%b\x12.{1,2}[^\0-\x1f]+(\.caffemodel|\x1a%b[\x08\x2a\x3a])" % (_VARINT, _VARINT), _STATE),
    (rb"\x08%b\x1a%b[\x08\x2a\x3a]" % (_VARINT, _VARINT), _STATE),
    # A GraphDef: the name and op of a node
    (rb"\x0a.{1,2}\x0a.[\w./^-]+\x12.[A-Z]\w+", Foreign("a graph of TensorFlow")),
)
# Names in HDF5 files that never occur in weights of Caffe.
_IN_HDF5 = {b"learned_net": _STATE, b"keras_version": _KERAS, b"model_weights": _KERAS}
# Regular expressions for lines of text files.
_TEXTS: tuple[tuple[bytes, Foreign], ...] = (
    (
        rb"\A\s*(<!doctype html|<html)",
        Foreign("a web page", "the download gave a page instead of the file: fetch it again"),
    ),
    (
        rb"\A[0-8]\r\n",
        Foreign(
            "an ascii Torch7 file whose line ends were changed to CR LF",
            "write the bytes as they were: no text mode in ftp or git (*.t7 binary in .gitattributes)",
        ),
    ),
    (
        rb"^\s*(local\s+\w+\s*=\s*)?require\s*\(?['\"]\w+",
        Foreign(
            "Lua source, which makes a network when Torch7 runs it",
            "give the .t7 file that Torch7 saved after running it",
        ),
    ),
    (
        rb"^\s*(layers?\s*\{|input\s*:|input_dim\s*:)|\A(\s|#[^\n]*\n)*name\s*:",
        Foreign("a text file like Caffe's prototxt", "give its weights too: --weights FILE.caffemodel"),
    ),
    (rb"", Foreign("a text file")),
)
_SOLVER = re.compile(
    rb"^[^\S\n]*+(net|train_net|test_net|base_lr|lr_policy|max_iter|solver_mode|snapshot_prefix)\s*:", re.MULTILINE
)


def foreign(data: memoryview) -> Foreign | None:
    """Return what a file of another format is; None if it is unknown."""
    head = bytes(data[:4096])
    if not head:
        return Foreign("an empty file", "fetch or save it again")
    if known := hdf5_of_others(head) or next((found for magic, found in _MAGICS if head.startswith(magic)), None):
        return known
    if _SOLVER.search(head) and not _LAYER.search(head):
        return Foreign("a solver of Caffe, which says how a network is trained", "give the network that its net: names")
    if _is_wide(head):
        return _WIDE
    return next((found for start, found in _BEGINNINGS if re.match(start, head, re.DOTALL)), None) or _text(head)


def hdf5_of_others(head: bytes) -> Foreign | None:
    """Return what an HDF5 file without Caffe weights is, by the names in it."""
    return next((found for name, found in _IN_HDF5.items() if name in head), None) if head[1:4] == b"HDF" else None


def _text(head: bytes) -> Foreign | None:
    try:
        # An incremental decoder accepts a last character that is cut.
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return None
    if _TEXT.match(text):
        return next(found for line, found in _TEXTS if re.search(line, head, re.MULTILINE | re.IGNORECASE))
    if _TEXT.match(text.replace("\0", "")):
        what = f"a text file with a NUL character, at byte {head.index(0)}"
        return Foreign(what, "take it out, or fetch or copy the file again")
    return None


def _is_wide(head: bytes) -> bool:
    """Return whether a text is UTF-16 without a byte order mark: every other byte of Latin letters is 0."""
    even, odd = head[:64:2], head[1:64:2]
    return any(
        set(zeros) == {0} and _TEXT.match(letters.decode("latin-1")) for zeros, letters in ((even, odd), (odd, even))
    )
