"""Install a real Caffe2 into an interpreter of its own: `python -m pipeline.runtimes.install_caffe2`.

PyPI holds a Caffe2 inside torch 1.0.1 to 1.10.2, for Python 3.7 to 3.9; no newer Python has one. The pins are the
versions that these builds work with.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import MachineError, PipelineError, render
from pipeline.runtimes.caffe2 import folders
from pipeline.runtimes.runtime import version_of

COMMAND = "python -m pipeline.runtimes.install_caffe2"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to install for one version of Python."""

    python: str
    caffe2: str
    packages: tuple[str, ...]


RECIPES = (
    Recipe("3.7", "1.0.1", ("torch==1.0.1", "numpy==1.21.6", "protobuf==3.20.3", "future", "six")),
    Recipe("3.9", "1.10.2", ("torch==1.10.2", "numpy==1.19.5", "protobuf==3.20.0", "future", "six")),
    Recipe("3.8", "1.4.0", ("torch==1.4.0", "numpy==1.23.5", "protobuf==3.20.3", "future", "six")),
)


def interpreter(python: str) -> str | None:
    """Find a Python of version `python`: on the path, or among those that pyenv keeps."""
    kept = sorted(Path.home().glob(f".pyenv/versions/{python}.*/bin/python"), reverse=True)
    for candidate in (shutil.which(f"python{python}"), *map(str, kept)):
        if candidate and _runs(candidate, python):
            return candidate
    return None


def _runs(candidate: str, python: str) -> bool:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == python


def install(recipe: Recipe, python: str) -> Path:
    """Make the interpreter, where it is not there yet, and give its path. Raises MachineError."""
    target = next(folders()) / f"caffe2-{recipe.caffe2}"
    made = target / "bin" / "python"
    if (target / "complete").exists():
        return made
    print(f"installing Caffe2 {recipe.caffe2} for Python {recipe.python} into {target} ...", file=sys.stderr)
    pip = [str(made), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    for command in ([python, "-m", "venv", "--clear", str(target)], [*pip, *recipe.packages]):
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise MachineError(f"Caffe2 {recipe.caffe2} was not installed", why=done.stderr.strip()[-500:])
    version_of(str(made), "caffe2_worker.py")
    (target / "complete").touch()
    return made


def main() -> int:
    """Install for the first Python that is found, or with --all for every one."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--all", action="store_true", help="one for each Python found, not for the first only")
    parser.add_argument("--if-possible", action="store_true", help="end well where no Python 3.7 to 3.9 is found")
    options = parser.parse_args()
    found = [(recipe, python) for recipe in RECIPES if (python := interpreter(recipe.python))]
    if not found:
        print("no Python 3.7, 3.8 or 3.9 was found, so there can be no Caffe2 here", file=sys.stderr)
        return 0 if options.if_possible else MachineError.exit_code
    try:
        for recipe, python in found if options.all else found[:1]:
            print(install(recipe, python))
    except PipelineError as error:
        print(render(error), file=sys.stderr)
        return 0 if options.if_possible else error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
