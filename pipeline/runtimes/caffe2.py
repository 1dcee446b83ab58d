"""Caffe2: no Python that this program runs on has one, so it is found in interpreters of their own.

It came with torch 1.0.1 up to 1.10.2, for Python 3.7 to 3.9.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.errors import MachineError
from pipeline.runtimes.runtime import Missing, Runtime, version_of

VARIABLE = "CAFFE2_PYTHON"  # interpreters, separated by `:`, that come first
WORKER = "caffe2_worker.py"
_INTERPRETERS = "caffe2*/bin/python"  # in a folder of runtimes


def folders() -> Iterator[Path]:
    """Return the folders that `make runtimes` may have filled: a checkout's own, then the user's data folder."""
    import platformdirs

    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").exists():
        yield checkout / ".runtimes"
    yield Path(platformdirs.user_data_dir("torch2caffe2", appauthor=False)) / "runtimes"


def find(environment: Mapping[str, str]) -> list[Runtime | Missing]:
    """Look for Caffe2: the interpreters that CAFFE2_PYTHON names, then what `make runtimes` made.

    One that is named but has no Caffe2 is Missing, with the reason.
    """
    found: dict[str, Runtime | Missing] = {}
    for path, found_by in _candidates(environment):
        interpreter = str(path.absolute())
        version = _installed_version(path)
        if version:
            runtime = Runtime("Caffe2", version, "caffe2", interpreter, WORKER, found_by)
            found.setdefault(interpreter, runtime)
        else:
            why = f"{path} has no Caffe2 beside it" if path.is_file() else f"{path} is no file"
            found.setdefault(interpreter, Missing("Caffe2", "caffe2", why, f"mend or unset {VARIABLE}"))
    if found:
        return list(found.values())
    advice = f"make runtimes, or set {VARIABLE} to a Python 3.7 to 3.9 with torch 1.0.1 to 1.10.2"
    return [Missing("Caffe2", "caffe2", "no interpreter with it was found", advice)]


def _candidates(environment: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    for name in environment.get(VARIABLE, "").split(os.pathsep):
        if name:
            yield Path(name), VARIABLE
    for folder in folders():
        for path in sorted(folder.glob(_INTERPRETERS)):
            yield path, str(folder)


def _installed_version(interpreter: Path) -> str:
    """Return the version of the torch release that holds the interpreter's Caffe2; "" where there is none."""
    for state in sorted(interpreter.parent.parent.glob("lib/python3*/site-packages/caffe2/python/*_state.*.so")):
        for record in sorted(state.parents[2].glob("torch-*.dist-info")):
            return record.name.removeprefix("torch-").removesuffix(".dist-info").split("+")[0]
    try:  # not an environment of its own, perhaps: ask it
        return version_of(str(interpreter), WORKER) if interpreter.is_file() else ""
    except MachineError:
        return ""
