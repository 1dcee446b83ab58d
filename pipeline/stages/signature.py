"""What a network takes and gives, as its user knows it, and which blobs of each format that is.

Every artifact of a network has one (`signature.json`); it is what `manifest.json` tells, and keeps Torch's order of
inputs and outputs where Caffe has another.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.graph.values import Graph, Value

FILE = "signature.json"
Port = dict[str, Any]
Signature = dict[str, list[Port]]


def of_graph(graph: Graph, element_type: str = "float32") -> Signature:
    """Describe the inputs and outputs of a graph; `element_type` is what its floats were in the original."""

    def ports(values: Sequence[Value], floats: str) -> list[Port]:
        return [
            {
                "name": value.name,
                "shape": list(value.shape),
                "dtype": floats if value.dtype == "float32" else value.dtype,
            }
            for value in values
        ]

    return {"inputs": ports(graph.inputs, element_type), "outputs": ports(graph.outputs, "float32")}


def with_blobs(signature: Signature, key: str, inputs: Sequence[str], outputs: Sequence[str]) -> Signature:
    """Add under `key` (`caffe_blob`) the blobs that the inputs and outputs are, in order."""
    return {
        "inputs": [{**port, key: blob} for port, blob in zip(signature["inputs"], inputs, strict=True)],
        "outputs": [{**port, key: blob} for port, blob in zip(signature["outputs"], outputs, strict=True)],
    }


def blobs(signature: Signature, side: str, key: str) -> list[str]:
    """Return the blobs of the "inputs" or "outputs" in one format."""
    return [port[key] for port in signature[side]]


def write(folder: Path, signature: Signature) -> None:
    """Leave a signature in an artifact's folder."""
    text = json.dumps(signature, indent=1) + "\n"
    (folder / FILE).write_text(text, encoding="utf-8")


def read(folder: Path) -> Signature | None:
    """Read the signature of an artifact; None where it has none, as a pair that a user brought."""
    path = folder / FILE
    if not path.is_file():
        return None
    found: Signature = json.loads(path.read_text(encoding="utf-8"))
    return found
