"""Installs a real Caffe or Caffe2 into an environment of its own.

PyPI has them only for Python 3.7 to 3.9, so such a Python is searched for first: on the PATH, among pyenv's versions,
and with uv, which may be able to download one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.errors import MachineError, UsageError
from pipeline.runtimes.discovery import COMPLETE, Program, Recipe, folders, known
from pipeline.runtimes.runtime import version_of

ALL = "all"
Say = Callable[[str], None]


def asked(names: Sequence[str]) -> list[tuple[Program, list[Recipe]]]:
    """Return the programs with these names, each with its suitable recipes, best first.

    A name is that of a program, "caffe2", or with a version, "caffe2==1.10.2", or "all". Raises UsageError for others.
    """
    able = {program.name.lower(): program for program in known() if program.recipes}
    found: list[tuple[Program, list[Recipe]]] = []
    for name in able if ALL in names else dict.fromkeys(name.lower() for name in names):
        program, _, version = name.partition("==")
        ways = [way for way in able[program].ways if version in ("", way.version)] if program in able else []
        if not ways:
            known_versions = [f"{n}=={way.version}" for n, p in able.items() for way in p.ways]
            raise UsageError(
                f"{name} cannot be installed",
                advice="one of: " + ", ".join(dict.fromkeys([ALL, *able, *known_versions])),
            )
        found.append((able[program], ways))
    return found


def install(program: Program, ways: Sequence[Recipe], say: Say, environment: Mapping[str, str] = os.environ) -> Path:
    """Install by the first recipe whose Python is found, unless it is installed already; return its interpreter.

    `say` is called before slow steps. Raises MachineError.
    """
    for way in ways:
        target = next(folders()) / f"{program.name.lower()}-{way.version}"
        if (target / COMPLETE).exists():
            return target / "bin" / "python"
    for way in ways:
        if python := interpreter(way.python, environment):
            return _made(program, way, python, say)
    for way in ways:
        if python := fetched(way.python, say):
            return _made(program, way, python, say)
    wanted = sorted({way.python for way in ways})
    raise MachineError(
        f"{program.name} was not installed",
        why=f"there is no Python {', '.join(wanted)} on the PATH, in pyenv's versions, or by way of uv",
        advice=f"pyenv install {ways[0].python}, or set {program.variable} to a Python that can import it",
    )


def interpreter(python: str, environment: Mapping[str, str]) -> str | None:
    """Return a Python of this version from the PATH, from pyenv, or downloaded by uv before; None if there is none."""
    return next((each for each in _candidates(python, environment) if each and _runs(each, python)), None)


def _candidates(python: str, environment: Mapping[str, str]) -> Iterator[str | None]:
    yield shutil.which(f"python{python}", path=environment.get("PATH"))
    for root in _pyenv(environment):
        yield from map(str, sorted(root.glob(f"versions/{python}.*/bin/python"), reverse=True))
    yield _of_uv(python)


def _pyenv(environment: Mapping[str, str]) -> Iterator[Path]:
    """Return the folders where pyenv may have its versions."""
    if environment.get("PYENV_ROOT"):
        yield Path(environment["PYENV_ROOT"])
    if root := _output(["pyenv", "root"]):
        yield Path(root)
    if environment.get("HOME"):
        yield Path(environment["HOME"], ".pyenv")


def _of_uv(python: str) -> str:
    return _output(["uv", "python", "find", "--no-project", python])


def fetched(python: str, say: Say) -> str | None:
    """Let uv download a Python of this version, and pass its messages to `say`; None if that fails."""
    if not shutil.which("uv"):
        return None
    say(f"uv python install {python}")
    done = subprocess.run(["uv", "python", "install", python], capture_output=True, text=True, check=False)
    for line in (done.stdout + done.stderr).splitlines():
        say(f"  {line}")
    found = _of_uv(python)
    return found if found and _runs(found, python) else None


def _runs(candidate: str, python: str) -> bool:
    return _output([candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]) == python


def _output(command: Sequence[str]) -> str:
    """Return the output of a command; "" if it fails or does not exist."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _made(program: Program, way: Recipe, python: str, say: Say) -> Path:
    """Create an environment with the program, and check that it runs."""
    target = next(folders()) / f"{program.name.lower()}-{way.version}"
    made = target / "bin" / "python"
    say(f"installing {program.name} {way.version} for Python {way.python} into {target} ...")
    pip = [str(made), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    for command in ([python, "-m", "venv", "--clear", str(target)], [*pip, *way.packages]):
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise MachineError(f"{program.name} {way.version} was not installed", why=done.stderr.strip()[-500:])
    version_of(str(made), program.file)
    (target / COMPLETE).touch()
    return made
