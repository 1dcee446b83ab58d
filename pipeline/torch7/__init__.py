"""Reads Torch7 files: objects as data (`reader`), and networks as neutral graphs (`importer`)."""

from pipeline.torch7.module import module

__all__ = ["module"]
