"""Caffe networks: their files and schema, the upgrade of old ones, and reading and writing them as graphs.

Plugins register their own layers with `layer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.caffe.read.reader import layer as layer

__all__ = ["layer"]


def __getattr__(name: str) -> object:
    """Return `layer`, which is imported on demand, because it needs protobuf and all readers."""
    if name == "layer":
        from pipeline.caffe.read.reader import layer

        return layer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
