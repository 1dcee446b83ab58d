"""Examines this machine: library versions, independent runtimes, and abilities of the store's file system."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pipeline import __version__
from pipeline.errors import installing
from pipeline.runtimes import discovery
from pipeline.runtimes.runtime import Runtime

LIBRARIES = ("torchfile", "protobuf", "numpy", "torch", "networkx", "typer", "h5py")


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `advice` says how to get what is missing."""

    topic: str
    what: str
    found: bool
    detail: str
    advice: str = ""


def examine(store: Path, environment: Mapping[str, str] = os.environ) -> list[Finding]:
    """Return everything that affects what a conversion can do on this machine."""
    return [*_versions(), *runtimes(environment), *_file_system(store)]


def _versions() -> Iterator[Finding]:
    yield Finding("program", "torch2caffe2", True, f"{__version__}, Python {platform.python_version()}")
    for name in LIBRARIES:
        try:
            yield Finding("library", name, True, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding("library", name, False, "not installed", installing(name))


def runtimes(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Return a finding for each known independent runtime."""
    for found in discovery.search(environment):
        reads = f"reads {found.reads}"
        if isinstance(found, Runtime):
            yield Finding("runtime", found.title, True, f"{reads}; {found.interpreter}")
        else:
            yield Finding("runtime", found.name, False, f"{reads}; {found.why}", found.advice)


def _file_system(store: Path) -> Iterator[Finding]:
    place = next(folder for folder in (store, *store.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    yield Finding("store", str(store), os.access(place, os.W_OK), f"{free / 2**30:.1f} GiB free")
    if os.access(place, os.W_OK):
        yield Finding("store", "hard links", _links(place), "large files are delivered without copying them")


def _links(place: Path) -> bool:
    with tempfile.TemporaryDirectory(dir=place) as folder:
        first = Path(folder, "a")
        first.touch()
        try:
            Path(folder, "b").hardlink_to(first)
        except OSError:
            return False
    return True
