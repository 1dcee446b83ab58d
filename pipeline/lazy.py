"""Heavy libraries, imported at the first use of an attribute so that `--help` and cached runs stay quick."""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """Stands for a module that is imported when something is first asked of it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:  # noqa: ANN401 - whatever the module holds
        value = getattr(importlib.import_module(self._name), attribute)
        setattr(self, attribute, value)
        return value
