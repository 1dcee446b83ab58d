"""Reads Torch7 files: objects as data (`reader`), and networks as neutral graphs (`importer`).

A plugin registers its own module classes with `module`, `alias` and `refused`.
"""

from pipeline.torch7.module import alias, module, refused

__all__ = ["alias", "module", "refused"]
