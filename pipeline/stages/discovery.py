"""Finds the stages: every module of this package that holds a `STAGE`.

Apart from `stage.py`, so that no stage's own code depends on the list of all stages.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from functools import cache

from pipeline import stages
from pipeline.stages.stage import Stage


@cache
def discover() -> tuple[Stage, ...]:
    """Import every module of `pipeline.stages` and give the stages they declare, in alphabetical order.

    Raises ValueError where two stages share a name or make the same kind: a bug, not a user's mistake.
    """
    found: list[Stage] = []
    for module in sorted(info.name for info in pkgutil.iter_modules(stages.__path__)):
        declared = getattr(importlib.import_module(f"{stages.__name__}.{module}"), "STAGE", None)
        if isinstance(declared, Stage):
            found.append(replace(declared, module=f"{stages.__name__}.{module}"))
    for what in ("name", "makes"):
        values = [getattr(stage, what) for stage in found]
        if len(values) != len(set(values)):
            raise ValueError(f"two stages have the same {what}: {values}")
    return tuple(found)
