"""Whose `pipeline` it is that Python finds: this program's, or another module of that name, earlier on the path."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

_OURS = Path(__file__).resolve().parent.parent / "pipeline" / "__init__.py"


def stranger() -> str:
    """Return where a module called `pipeline` lies that is found before this program's; "" where there is none."""
    loaded = sys.modules.get("pipeline")
    spec = loaded.__spec__ if loaded else find_spec("pipeline")
    if spec and spec.origin and Path(spec.origin).resolve() == _OURS:
        return ""
    return str((spec and spec.origin) or getattr(loaded, "__file__", None) or loaded or "no file")


def complaint(place: str) -> str:
    """Word what a `stranger` means for whoever runs this program."""
    return (
        f"another module called pipeline hides the one of torch2caffe2: {place}\n"
        f"  why: its folder comes before {_OURS.parent.parent} on Python's path\n"
        "  try: start in another folder, take that folder out of PYTHONPATH, or rename the module"
    )


def refuse_stranger() -> None:
    """Raise ImportError where another module called `pipeline` would be taken for this program's."""
    if place := stranger():
        raise ImportError(complaint(place), name="pipeline", path=place)
