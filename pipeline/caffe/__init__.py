"""Caffe's networks: files, schema, upgrade of old ones; read to the graph, written from it.

`layer` is what a plugin registers its own layers with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.caffe.read.reader import layer as layer

__all__ = ["layer"]


def __getattr__(name: str) -> object:
    """Return `layer`, which is imported only where it is asked for: it takes protobuf and all readers with it."""
    if name == "layer":
        from pipeline.caffe.read.reader import layer

        return layer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
