"""Finds the stages: every module of this package that defines a `STAGE`.

It is separate from `stage.py`, so that the code of a stage does not depend on the list of all stages.
"""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

from pipeline import stages
from pipeline.stages.stage import Stage

_DECLARES = re.compile(r"^STAGE\b", re.MULTILINE)


@cache
def discover() -> tuple[Stage, ...]:
    """Return the stages that the modules of `pipeline.stages` define, in alphabetical order of the modules.

    Other modules of the package are not imported. Raises ValueError if two stages have the same name or make the same
    kind of artifact, which is a bug, not a mistake of the user.
    """
    found: list[Stage] = []
    for path in sorted(path for folder in stages.__path__ for path in Path(folder).glob("*.py")):
        if _DECLARES.search(path.read_text(encoding="utf-8")):
            module = f"{stages.__name__}.{path.stem}"
            found.append(replace(importlib.import_module(module).STAGE, module=module))
    for what in ("name", "makes"):
        values = [getattr(stage, what) for stage in found]
        if len(values) != len(set(values)):
            raise ValueError(f"two stages have the same {what}: {values}")
    return tuple(found)
