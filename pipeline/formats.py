"""The list of all formats. Files are recognised by their contents, never by their names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.caffe.format import CAFFE
from pipeline.caffe2.format import CAFFE2
from pipeline.errors import PipelineError, UsageError
from pipeline.graph.format import Format, Role, Source
from pipeline.graph.neutral import GRAPH
from pipeline.onnx.format import ONNX
from pipeline.pytorch.exported import PT2
from pipeline.pytorch.format import PYTORCH
from pipeline.torch7.format import TORCH7

if TYPE_CHECKING:
    from pipeline.graph.values import Graph

# In the order in which a run makes them: the first one in the folder of a run is the original.
FORMATS: tuple[Format, ...] = (TORCH7, GRAPH, CAFFE, CAFFE2, ONNX, PYTORCH, PT2)
READ = tuple(known for known in FORMATS if known.reads)
UNREAD = frozenset(known.name for known in FORMATS if not known.reads)

CONVERTED = (TORCH7, GRAPH, CAFFE)  # what a conversion may start from

SAYS_WHY = (TORCH7, TORCH7.roles[0])  # files of no known format are read as this, for its reader says what they are


def named(name: str) -> Format | None:
    """Return the format of this name, or None."""
    return next((known for known in FORMATS if known.name == name), None)


def recognise(path: Path) -> tuple[Format, Role] | None:
    """Return the format of a file and its role there; None if it is of no known format.

    Raises MachineError or UsageError if the file cannot be read.
    """
    from pipeline.wire.mapped import map_file

    view = map_file(path)
    for known in READ:
        if role := known.recognise(view):
            return known, next(each for each in known.roles if each.name == role)
    return None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file in a folder from which a conversion can start, unless it `lacks` something: why it cannot."""

    path: Path
    lacks: str = ""

    def as_json(self) -> dict[str, str]:
        """Return why it is left out, as JSON values."""
        return {"path": str(self.path), "why": self.lacks}


def networks_in(folder: Path) -> list[Candidate]:
    """Return the networks in a folder that a conversion could start from, sorted. Output folders of runs are left out.

    Unreadable files are left out, too. But files named .t7 are always returned, so that the user learns what is wrong
    with them, and so are folders that cannot be read, at the end.
    """
    dark: list[OSError] = []
    found = [candidate for path in _files(folder, dark.append) if (candidate := _candidate(path))]
    return [*found, *(Candidate(Path(error.filename)) for error in dark)]


def weights_beside(path: Path) -> Path | None:
    """Return the file of weights beside a network that lacks them; None if it needs none, or there is none."""
    try:
        found = recognise(path)
    except PipelineError:
        return None
    if not found or not found[1].lacks_weights or not (weights := found[0].weights_role):
        return None
    return found[0].beside(path).get(weights.name)


def _files(folder: Path, dark: Callable[[OSError], object]) -> Iterator[Path]:
    for place, folders, names in os.walk(folder, onerror=dark):
        if "run.json" in names:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place) / name for name in sorted(names) if not name.startswith("."))


def _candidate(path: Path) -> Candidate | None:
    """Return a file as a network to convert; None if it holds none, or only weights."""
    if path.suffix == ".t7":
        return Candidate(path)
    try:
        found = recognise(path) if path.is_file() else None
    except (PipelineError, OSError):
        return None
    if not found or found[0] not in CONVERTED or found[1].only_weights:
        return None
    weights = found[0].weights_role
    if weights is None or weights.name in found[0].beside(path):
        return Candidate(path)
    usual = path.with_suffix(Path(weights.files[0]).suffix)
    return Candidate(path, f"there is no {usual.name} beside it") if found[1].lacks_weights else None


def in_folder(folder: Path, among: Iterable[Format] = READ) -> tuple[tuple[Format, Mapping[str, Path]], ...]:
    """Return the formats of the networks in the folder of an artifact or a run, with their files by role."""
    return tuple((known, files) for known in among if (files := known.in_folder(folder)))


@dataclass(frozen=True, slots=True)
class Location:
    """A network as a user names it: a file or the folder of a run, and options that say how to read it.

    `inputs` are shapes as for `--input`; `root` is the path of a network in a Torch7 table. `format` selects one of
    several networks in a folder.
    """

    path: Path
    weights: Path | None = None
    inputs: tuple[str, ...] = ()
    root: str = ""
    plugins: tuple[Path, ...] = ()
    format: str = ""


def load(location: Location) -> Graph:
    """Read a network as a graph. Raises what its reader raises, and UsageError for a file that holds only weights."""
    known, source = locate(location)
    if only_weights(known, source):
        raise UsageError(
            f"{source.path} holds the weights of a network, and not how they are used",
            advice="name the network, and with --weights this file",
        )
    return known.read(source).graph


def only_weights(known: Format, source: Source) -> bool:
    """Return whether a file holds only weights."""
    return known.weights_role is not None and source.role == known.weights_role.name


def locate(location: Location, among: Sequence[Format] = READ) -> tuple[Format, Source]:
    """Return the format and the files of a network: those of a file, or of the first network in the folder of a run.

    If the weights are not named, they are searched for beside the file. Raises UsageError for a folder without a
    network, and for weights that do not belong to this format.
    """
    path, weights = location.path, location.weights
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises OSError for a name that is too long
        meant = [each for each in among if location.format in ("", each.name)]
        known, files = next(iter(in_folder(path, meant)), (None, {}))
        if known is None:
            what = f"{path} holds no network" + (f" of the format {location.format}" if location.format else "")
            raise UsageError(what, advice="name a file, or the output folder of a run")
    else:
        known, role = recognise(path) or SAYS_WHY
        files = {role.name: path} if role.only_weights else {role.name: path, **known.beside(path)}
    files = _with_weights(known, files, weights) if weights else files
    return known, Source(files, location.inputs, location.root, location.plugins)


def _with_weights(known: Format, files: Mapping[str, Path], weights: Path) -> Mapping[str, Path]:
    main = next(iter(files))
    role = known.weights_role
    if role is None or main == role.name:
        raise UsageError(f"{files[main].name} holds its weights itself", advice="leave --weights out")
    return {main: files[main], role.name: weights}
