"""Finds the independent runtimes on this machine, without importing them, and mostly without starting a process."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import Any

from pipeline.errors import MachineError, UsageError
from pipeline.runtimes import programs
from pipeline.runtimes.runtime import Missing, Runtime, trusted, version_of

NOBODY = "none"
_HERE = "this Python"
COMPLETE = "complete"  # a file that marks a complete installation


@dataclass(frozen=True, slots=True)
class Recipe:
    """A way to install a program: its version, the Python version it needs, and the packages for pip."""

    python: str
    version: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """The declarations in a file of `programs/`. The docstring of that package explains each name."""

    file: Path
    name: str
    reads: tuple[str, ...]
    variable: str
    installed: Callable[[Path], str | None] | None = None
    recipes: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    advice: str = ""
    pads_shapes: bool = False
    opinions: tuple[str, ...] = ()
    executes: bool = False
    doubt: Callable[[str, Mapping[str, Path]], str] = trusted

    @property
    def ways(self) -> list[Recipe]:
        """The recipes, best first."""
        return [Recipe(*recipe) for recipe in self.recipes]

    def called(self, name: str) -> bool:
        """Return whether `name` means this program, in any version."""
        return name.partition("==")[0].lower() == self.name.lower()

    @property
    def how_to_get(self) -> str:
        """The command that installs it, or advice."""
        return self.advice or f"torch2caffe2 runtimes install {self.name.lower()}"


@cache
def known() -> tuple[Program, ...]:
    """Return the programs that the files of `pipeline.runtimes.programs` declare, in alphabetical order."""
    names = [f"{programs.__name__}.{info.name}" for info in pkgutil.iter_modules(programs.__path__)]
    modules = map(importlib.import_module, names)
    return tuple(declared(vars(module), Path(str(module.__file__))) for module in modules)


def declared(names: Mapping[str, Any], file: Path) -> Program:
    """Return the program that the names in a file declare."""
    told = {field.name: names.get(field.name.upper(), names.get(field.name)) for field in fields(Program)}
    return Program(**{name: value for name, value in told.items() if value is not None} | {"file": file})


def folders() -> Iterator[Path]:
    """Yield the folders of installed runtimes: that of a checkout, then the data folder of the user."""
    import platformdirs

    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "pyproject.toml").exists():
        yield checkout / ".runtimes"
    yield Path(platformdirs.user_data_dir("torch2caffe2", appauthor=False)) / "runtimes"


def search(
    environment: Mapping[str, str], wanted: Callable[[Program], bool] = lambda program: True
) -> list[Runtime | Missing]:
    """Search for all known programs that are `wanted`. Those that are missing say how to get them."""
    return [found for program in known() if wanted(program) for found in look_for(program, environment)]


def look_for(program: Program, environment: Mapping[str, str]) -> list[Runtime | Missing]:
    """Search for a program: in the interpreters that its variable names, in this one, then among installed runtimes.

    An interpreter that is named but lacks the program is Missing, with the reason. Each version is returned once. A
    program that is not a Python module is run by this interpreter.
    """
    found: dict[str, list[Runtime | Missing]] = {}
    for interpreter, build, sites in _places(program, environment):
        named = build == str(interpreter)
        try:
            version = _version(program, interpreter, sites, ask=named or program.installed is None)
        except (ImportError, MachineError) as error:
            why = error.why if isinstance(error, MachineError) else str(error)
            advice = f"mend or unset {program.variable}" if named else program.how_to_get
            found[str(interpreter)] = _missing(program, f"{interpreter}: {why}" if named else why, advice)
        else:
            if version is not None:
                found.setdefault(version, _runtimes(program, version, interpreter, build))
    if not found:
        found[""] = _missing(program, "it was not found", program.how_to_get)
    return [each for several in found.values() for each in several]


def _places(program: Program, environment: Mapping[str, str]) -> Iterator[tuple[Path, str, list[Path]]]:
    """Return interpreters that may have the program, with the build of each, and the folders from which each imports.

    What pip installed is identified by its version: it is the same build on every machine.
    """
    if program.installed is None:
        yield Path(sys.executable), _HERE, []
        return
    for name in environment.get(program.variable, "").split(os.pathsep):
        if name:
            path = Path(name).absolute()
            yield path, str(path), _sites(path)
    yield Path(sys.executable), _HERE, _open_to_us(map(Path, sys.path))
    for folder in _open_to_us(folders()):
        for mark in sorted(folder.glob(f"{program.name.lower()}-*/{COMPLETE}")):
            path = mark.parent / "bin" / "python"
            yield path.absolute(), "torch2caffe2 runtimes install", _sites(path)


def _open_to_us(folders: Iterable[Path]) -> list[Path]:
    """Return the folders that may be read. With sudo, the path may contain private folders of another user."""
    return [folder for folder in folders if os.access(folder, os.R_OK | os.X_OK, effective_ids=True)]


def _sites(interpreter: Path) -> list[Path]:
    return sorted(interpreter.parent.parent.glob("lib/python3*/site-packages"))


def _version(program: Program, interpreter: Path, sites: Sequence[Path], ask: bool) -> str | None:
    """Return the version according to the installed files, or else start the interpreter to find out."""
    look = program.installed
    told = [version for site in sites if look and (version := look(site)) is not None]
    if told and told[0]:
        return told[0]
    return version_of(str(interpreter), program.file) if told or ask else None


def _runtimes(program: Program, version: str, interpreter: Path, build: str) -> list[Runtime | Missing]:
    return [
        Runtime(
            program.name,
            version,
            reads,
            str(interpreter),
            program.file,
            build,
            pads_shapes=program.pads_shapes,
            guesses=reads in program.opinions,
            executes=program.executes,
            doubt=partial(program.doubt, reads),
        )
        for reads in program.reads
    ]


def _missing(program: Program, why: str, advice: str) -> list[Runtime | Missing]:
    return [Missing(program.name, reads, why, advice) for reads in program.reads]


def runtimes(environment: Mapping[str, str], only: Sequence[str] = (), also: Sequence[str] = ()) -> list[Runtime]:
    """Return the runtimes that are found; with `only`, just those it names, as "caffe2", "caffe2==1.0.1", or "none".

    Runtimes in `also` are added. A runtime that executes code in a file must be named explicitly. Raises UsageError if
    a named runtime is not found.
    """
    named = [name for name in (*only, *also) if name != NOBODY]
    searched = search(environment, lambda program: not program.executes or any(map(program.called, named)))
    found = [each for each in searched if isinstance(each, Runtime)]
    for name in named:
        if not any(runtime.called(name) for runtime in found):
            raise _absent(name, found)
    return [each for each in found if any(map(each.called, named)) or not (only or each.executes)]


def absence(environment: Mapping[str, str], reads: str) -> str:
    """Return why no program ran the networks of a kind: none is installed, and how to get one, or none was asked."""
    programs = [program for program in known() if reads in program.reads and not program.executes]
    names = " or ".join(program.name for program in programs)
    if not programs:
        return f"no program that runs {reads} files is known"
    if any(isinstance(each, Runtime) and each.reads == reads for each in search(environment, programs.__contains__)):
        return f"no {names} was asked (--runtime)"
    return f"no {names} is installed ({programs[0].how_to_get})"


def executing(names: Sequence[str]) -> list[str]:
    """Return those names that mean a runtime which executes code in a file."""
    return [name for name in names if any(program.called(name) for program in known() if program.executes)]


def _absent(name: str, found: Sequence[Runtime]) -> UsageError:
    """Return the error for a named runtime that is unknown or not installed."""
    _, _, version = name.partition("==")
    program = next((each for each in known() if each.called(name)), None)
    here = "found here: " + (", ".join(dict.fromkeys(runtime.title for runtime in found)) or "none")
    if program is None:
        why = f"{here}; known: " + ", ".join(each.name for each in known())
        return UsageError(f"there is no runtime called {name}", why=why, advice="torch2caffe2 runtimes list")
    exact = f"=={version}" if any(way.version == version for way in program.ways) else ""
    return UsageError(f"no runtime {name} is installed", why=here, advice=program.how_to_get + exact)
