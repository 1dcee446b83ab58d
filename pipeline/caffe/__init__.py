"""Caffe's networks: their files and schema, the upgrade of old ones, reading to the graph, and writing from it.

A plugin registers its own layers with `layer`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.caffe.read.reader import layer as layer

__all__ = ["layer"]


def __getattr__(name: str) -> object:
    """Return `layer`, which is imported only on demand, because it imports protobuf and all readers."""
    if name == "layer":
        from pipeline.caffe.read.reader import layer

        return layer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
