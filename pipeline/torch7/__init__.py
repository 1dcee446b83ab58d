"""Reads Torch7 files: objects as data (`reader`), and networks as graphs (`importer`).

Plugins register their own module classes with `module`, `alias` and `refused`.
"""

from pipeline.torch7.module import alias, module, refused

__all__ = ["alias", "module", "refused"]
