"""Checks that Python finds the package `pipeline` of this program, not another module of that name."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

_OURS = Path(__file__).resolve().parent.parent / "pipeline" / "__init__.py"


def stranger() -> str:
    """Return the path of another module `pipeline` that Python finds before this program's; "" if there is none."""
    loaded = sys.modules.get("pipeline")
    spec = loaded.__spec__ if loaded else find_spec("pipeline")
    if spec and spec.origin and Path(spec.origin).resolve() == _OURS:
        return ""
    return str((spec and spec.origin) or getattr(loaded, "__file__", None) or loaded or "no file")


def complaint(place: str) -> str:
    """Return an error message about a `stranger`."""
    return (
        f"another module called pipeline hides the one of torch2caffe2: {place}\n"
        f"  why: its folder comes before {_OURS.parent.parent} on Python's path\n"
        "  try: start in another folder, take that folder out of PYTHONPATH, or rename the module"
    )


def refuse_stranger() -> None:
    """Raise ImportError if Python finds another module `pipeline`."""
    if place := stranger():
        raise ImportError(complaint(place), name="pipeline", path=place)
