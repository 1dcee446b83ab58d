"""Imports heavy libraries at the first use of an attribute, so that `--help` and cached runs stay fast."""

from __future__ import annotations

import importlib
from typing import Any

from pipeline.errors import MissingLibrary


class LazyModule:
    """Stands for a module, which is imported at its first use. Raises MissingLibrary if it is not installed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:  # noqa: ANN401 - whatever the module holds
        try:
            module = importlib.import_module(self._name)
        except ModuleNotFoundError as error:
            if error.name != self._name:
                raise
            raise MissingLibrary(self._name, "what was asked for") from error
        value = getattr(module, attribute)
        setattr(self, attribute, value)
        return value
