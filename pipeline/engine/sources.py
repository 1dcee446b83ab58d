"""What a run starts from: the user's files, recognised by content, and the kind they enter the DAG as."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import Options
from pipeline.errors import InvalidInputError, UsageError
from pipeline.store.machine import on_machine

_HEAD = 4096
_TORCH_BINARY = re.compile(rb"[\x00-\x08]\x00\x00\x00", re.DOTALL)  # the type number of the first object
_TORCH_ASCII = re.compile(rb"[0-8]\r?\n")
_HDF5 = b"\x89HDF\r\n\x1a\n"
_TEXT_FIELD = re.compile(rb"(?:\s|#[^\n]*\n)*[A-Za-z_]\w*\s*[:{]")


@dataclass(frozen=True, slots=True)
class Source:
    """The user's files, by the name they have in an artifact.

    `adopted`: they are an artifact already (a Caffe pair) and are taken into the store; else the one file is
    handed to the stage that needs this kind.
    """

    kind: str
    files: Mapping[str, Path]
    adopted: bool


def recognise(options: Options) -> Source:
    """Report what the model is by its first bytes.

    Raises InvalidInputError for a prototxt alone, UsageError where the options do not fit the model.
    """
    head = _head(options.model)
    if options.weights is None:
        if _TEXT_FIELD.match(head) and b"\0" not in head:
            raise InvalidInputError(
                f"{options.model.name} is a prototxt, which holds no weights",
                advice=f"torch2caffe2 convert {options.model.name} --weights FILE.caffemodel",
            )
        return Source("t7", {options.model.name: options.model}, adopted=False)
    if _TORCH_BINARY.match(head) or _TORCH_ASCII.match(head):
        raise UsageError(
            f"{options.model.name} is a Torch7 file, which holds its weights itself",
            where=options.origins.get("weights", ""),
            advice="leave --weights out",
        )
    suffix = ".h5" if _head(options.weights).startswith(_HDF5) else ""
    files = {"deploy.prototxt": options.model, f"model.caffemodel{suffix}": options.weights}
    return Source("caffe", files, adopted=True)


def _head(path: Path) -> bytes:
    with on_machine("reading the model", path), path.open("rb") as stream:
        return stream.read(_HEAD)
