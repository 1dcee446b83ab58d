"""Reads Torch7 files: objects as data (`reader`), and networks as neutral graphs (`importer`).

`module`, `alias` and `refused` are what a plugin registers its own module classes with.
"""

from pipeline.torch7.module import alias, module, refused

__all__ = ["alias", "module", "refused"]
