"""The inputs and outputs of a network, as its user knows them, and the blobs that they are in each format.

Every artifact of a network has a signature (`signature.json`). It preserves Torch's order of inputs and outputs, which
Caffe changes. Together with the names of the files it makes up `manifest.json`, which other programs read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InvalidInputError

if TYPE_CHECKING:
    from pipeline.graph.values import Graph, Shape, Value

FILE = "signature.json"
MANIFEST = "manifest.json"
_BLOB = "_blob"
_MOST = 1 << 26  # bytes that such a file may have


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output: its name, shape and element type, and its name in each format (`blobs`)."""

    name: str
    shape: Shape
    dtype: str
    blobs: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the port as JSON values. The blob in Caffe has the key "caffe_blob"."""
        blobs = {f"{name}{_BLOB}": blob for name, blob in self.blobs.items()}
        return {"name": self.name, "shape": list(self.shape), "dtype": self.dtype, **blobs}


@dataclass(frozen=True, slots=True)
class Signature:
    """The inputs and outputs of a network, in the order of the original, and the layers that were cut off."""

    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    cut: tuple[Mapping[str, Any], ...] = ()

    def with_blobs(self, name: str, inputs: Sequence[str], outputs: Sequence[str]) -> Signature:
        """Return the signature with the blobs of the inputs and outputs in a format, in order."""
        return replace(self, inputs=_called(self.inputs, name, inputs), outputs=_called(self.outputs, name, outputs))

    def input_blobs(self, name: str) -> list[str]:
        """Return the blobs of the inputs in a format. Raises KeyError if they are unknown."""
        return [port.blobs[name] for port in self.inputs]

    def output_blobs(self, name: str) -> list[str]:
        """Return the blobs of the outputs in a format. Raises KeyError if they are unknown."""
        return [port.blobs[name] for port in self.outputs]

    def notes(self, name: str) -> bool:
        """Return whether the blobs of a format are known."""
        return all(name in port.blobs for port in (*self.inputs, *self.outputs))

    def as_json(self) -> dict[str, Any]:
        """Return the signature as JSON values."""
        return {
            "inputs": [port.as_json() for port in self.inputs],
            "outputs": [port.as_json() for port in self.outputs],
            **({"cut": [dict(layer) for layer in self.cut]} if self.cut else {}),
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of `manifest.json`: the signature, and the names of the files by role (several in a list)."""

    signature: Signature = field(default_factory=Signature)
    files: Mapping[str, str | list[str]] = field(default_factory=dict)

    def as_text(self, more: Mapping[str, Any] | None = None) -> bytes:
        """Return the bytes of the file, with the entries in `more` added."""
        told = {**self.signature.as_json(), "files": dict(self.files), **(more or {})}
        return (json.dumps(told, indent=2) + "\n").encode()


def _called(ports: Sequence[Port], name: str, blobs: Sequence[str]) -> tuple[Port, ...]:
    return tuple(replace(port, blobs={**port.blobs, name: blob}) for port, blob in zip(ports, blobs, strict=True))


def of_graph(graph: Graph, element_type: str = "float32") -> Signature:
    """Return the signature of a graph. `element_type` is the type of its float inputs in the original network."""

    def ports(values: Sequence[Value], floats: str) -> tuple[Port, ...]:
        return tuple(Port(v.name, v.shape, floats if v.dtype == "float32" else v.dtype) for v in values)

    return Signature(ports(graph.inputs, element_type), ports(graph.outputs, "float32"))


def write(folder: Path, signature: Signature) -> None:
    """Write a signature to the folder of an artifact."""
    (folder / FILE).write_text(json.dumps(signature.as_json(), indent=1) + "\n", encoding="utf-8")


def read(folder: Path) -> Signature | None:
    """Return the signature of an artifact; None if it has none, as for a Caffe pair from the user.

    Raises InvalidInputError if it is damaged.
    """
    found = _object(folder / FILE)
    return None if found is None else _signature(found, folder / FILE)


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest in the output folder of a run; None if there is none, or one of another program.

    Raises InvalidInputError if it is damaged.
    """
    path = folder / MANIFEST
    found = _object(path)
    if found is None or not found.keys() >= {"inputs", "outputs", "files"}:
        return None
    files = found.get("files")
    if not isinstance(files, dict) or not all(_is_name(name) or _are_names(name) for name in files.values()):
        raise _damaged(path, '"files" is not names of files')
    return Manifest(_signature(found, path), files)


def _object(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    if path.stat().st_size > _MOST:
        raise _damaged(path, f"it is longer than {_MOST} bytes")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(found, dict):
        raise _damaged(path, "it is no JSON object")
    return found


def _signature(found: Mapping[str, Any], path: Path) -> Signature:
    sides = (found.get("inputs"), found.get("outputs"))
    if not all(isinstance(side, list) for side in sides):
        raise _damaged(path, '"inputs" and "outputs" are not lists')
    cut = found.get("cut", [])
    if not isinstance(cut, list) or not all(isinstance(layer, dict) for layer in cut):
        cut = []  # `export-layer` and other programs use the key for something else
    inputs, outputs = (tuple(_port(entry, path) for entry in side or ()) for side in sides)
    return Signature(inputs, outputs, tuple(cut))


def _port(entry: object, path: Path) -> Port:
    if not isinstance(entry, dict):
        raise _damaged(path, "an input or output is no object")
    name, shape, dtype = (entry.get(key) for key in ("name", "shape", "dtype"))
    blobs = {key.removesuffix(_BLOB): blob for key, blob in entry.items() if key.endswith(_BLOB)}
    if not (_is_word(name) and _is_word(dtype) and all(map(_is_word, blobs.values()))):
        raise _damaged(path, "an input or output lacks its name, dtype or blob")
    if not isinstance(shape, list) or not all(type(extent) is int and extent >= 0 for extent in shape):
        raise _damaged(path, f"the shape of {name} is not one")
    return Port(str(name), tuple(shape), str(dtype), blobs)


def _is_word(value: object) -> bool:
    return isinstance(value, str)


def _is_name(value: object) -> bool:
    """Return whether a value is the name of a file in the same folder."""
    return isinstance(value, str) and value not in ("", ".", "..") and not set(value) & set("/\\\0")


def _are_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_name, value))


def _damaged(path: Path, why: str) -> InvalidInputError:
    return InvalidInputError(f"{path} is not a {path.name} of a run", why=why)
