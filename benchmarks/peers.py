"""The programs beside which a conversion is measured, where they are installed."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import CommandError, run, seconds_of

if TYPE_CHECKING:
    from pipeline.runtimes.runtime import Runtime

_TRANSLATOR = Path(__file__).with_name("translator.py")


class MissingError(RuntimeError):
    """A peer is not on this machine."""


def copy_and_sync(source: Path, folder: Path, times: int) -> float:
    """Time copying a file so many times, each copy confirmed by the disk."""
    copies = [folder / f"copy-{number}" for number in range(times)]

    def work() -> None:
        for copy in copies:
            run(["cp", source, copy])
            run(["sync", copy])

    try:
        return seconds_of(work)
    finally:
        for copy in copies:
            copy.unlink(missing_ok=True)


def sha256sum(path: Path) -> float:
    """Time the digest of a file."""
    return run(["sha256sum", path]).seconds


def torchfile_load(path: Path) -> float:
    """Time torchfile, the reader of t7 files in Python."""
    import torchfile

    return seconds_of(lambda: torchfile.load(str(path)))


def opencv_read_tensor(path: Path) -> float:
    """Time OpenCV's reader, in C++, on a tensor in an ascii file."""
    try:
        import cv2
    except ImportError as error:
        raise MissingError("OpenCV is not installed") from error
    return seconds_of(lambda: cv2.dnn.readTorchBlob(str(path), isBinary=False))


def caffe_translator(prototxt: Path, caffemodel: Path, folder: Path) -> float:
    """Time Caffe2's own translation of a Caffe pair, in the first interpreter found that can do it."""
    try:
        return translate(prototxt, caffemodel, folder)
    finally:
        for path in translated(folder):
            path.unlink(missing_ok=True)


def translate(prototxt: Path, caffemodel: Path, folder: Path) -> float:
    """Have caffe_translator write the nets of `translated(folder)`; give the seconds that took.

    Raises MissingError where it is not installed, CommandError with its last words where it refuses the pair.
    """
    schema = folder / "caffe.descriptor"
    schema.write_bytes(_schema())
    predict, init, _ = translated(folder)
    nets = "--init_net", init, "--predict_net", predict
    try:
        return run([translating().interpreter, _TRANSLATOR, schema, prototxt, caffemodel, *nets]).seconds
    finally:
        schema.unlink()


def translated(folder: Path) -> tuple[Path, Path, Path]:
    """Name what caffe_translator writes: the predict_net, the init_net, and the predict_net as text."""
    return folder / "predict_net.pb", folder / "init_net.pb", folder / "predict_net.pbtxt"


@cache
def translating() -> Runtime:
    """Find the first Caffe2 whose caffe_translator runs. Raises MissingError."""
    from pipeline.runtimes.discovery import runtimes

    reason = "no interpreter with Caffe2 is found (make runtimes)"
    for runtime in runtimes(os.environ):
        if runtime.reads == "caffe2":
            try:
                run([runtime.interpreter, "-c", "import google.protobuf.internal.builder, caffe2.python.core"])
            except CommandError as error:
                reason = f"Caffe2 {runtime.version} cannot run caffe_translator: {str(error).splitlines()[-1]}"
            else:
                return runtime
    raise MissingError(reason)


def _schema() -> bytes:
    """Return our schema of Caffe in the package that caffe_translator expects."""
    from google.protobuf.descriptor_pb2 import FileDescriptorProto

    from pipeline.caffe.schema import caffe_pb2

    own = caffe_pb2.DESCRIPTOR
    text = own.serialized_pb
    file = FileDescriptorProto.FromString(text)
    prefix = f".{own.package}."
    for message in file.message_type:
        _repackage(message, prefix)
    file.package, file.name = "caffe", "caffe.proto"
    return file.SerializeToString()


def _repackage(message, prefix: str) -> None:  # noqa: ANN001 - a DescriptorProto
    for field in message.field:
        if field.type_name.startswith(prefix):
            field.type_name = ".caffe." + field.type_name.removeprefix(prefix)
    for inner in message.nested_type:
        _repackage(inner, prefix)
