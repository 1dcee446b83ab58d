"""The interface of a network format. Everything that the rest of the program needs to know of a format is asked here.

The package of each format holds its one object (CAFFE in `caffe/format.py`), and `pipeline.formats` lists them all. A
new format needs a package and a line there. Heavy packages are imported inside the methods, so that files are
recognised without them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.errors import PipelineError, UnsupportedError
from pipeline.wire.progress import Progress, no_progress

if TYPE_CHECKING:
    import numpy as np

    from pipeline.graph.inventory import Inventory, Part
    from pipeline.graph.signature import Signature
    from pipeline.graph.values import Graph
    from pipeline.wire.digest import Digested

    Array = np.ndarray[Any, Any]

_NONE: Mapping[str, Any] = MappingProxyType({})
Note = Callable[[str], None]


def no_note(note: str) -> None:
    """Ignore a note."""


@dataclass(frozen=True, slots=True)
class Role:
    """A kind of file of a network: its name in `manifest.json`, and its possible file names in an artifact.

    The usual file name comes first. A role without file names is never part of an artifact: stages read the user's own
    file. A file that is not a whole network by itself holds `only_weights`, or it `lacks_weights`.
    """

    name: str
    files: tuple[str, ...] = ()
    only_weights: bool = False
    lacks_weights: bool = False
    title: str = ""  # of such a file, in messages


# The options that affect how a network is read. Each is also a field of Source.
READING = ("inputs", "plugins", "keep_loss", "cut", "outputs", "phase", "level", "stages", "not_stages")


@dataclass(frozen=True, slots=True)
class Source:
    """A network on disk: its files by role, the main one first, and how they are to be read.

    `inputs` are shapes as for `--input`; `root` is the path of a network in a Torch7 table; `signature` describes the
    inputs and outputs of an artifact. `keep_loss` decides whether layers that only training needs are read, too; None
    leaves that to the format. With `states`, the states of recurrent layers become inputs and outputs. The network ends
    before the layers in `cut`, or with the blobs in `outputs`. `phase`, `level`, `stages` and `not_stages` select the
    layers of a Caffe network. With `likeliest`, the most likely of several possible input shapes is taken.
    """

    files: Mapping[str, Path]
    inputs: tuple[str, ...] = ()
    root: str = ""
    plugins: tuple[Path, ...] = ()
    keep_loss: bool | None = None
    states: bool = False
    cut: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    phase: str = ""
    level: int | None = None
    stages: tuple[str, ...] = ()
    not_stages: tuple[str, ...] = ()
    signature: Signature | None = None
    likeliest: bool = False

    @property
    def path(self) -> Path:
        """The main file."""
        return next(iter(self.files.values()))

    @property
    def role(self) -> str:
        """The role of the main file."""
        return next(iter(self.files))

    def recorded(self) -> Signature:
        """Return the signature; if there is none, that in the manifest beside the file, or an empty one."""
        from pipeline.graph import signature

        if self.signature is not None:
            return self.signature
        manifest = signature.read_manifest(self.path.parent)
        return manifest.signature if manifest else signature.Signature()


@dataclass(frozen=True, slots=True)
class Network:
    """The result of reading: the graph, and its signature with the names of blobs in the format that was read."""

    graph: Graph
    signature: Signature


@dataclass(frozen=True, slots=True)
class Written:
    """The result of writing: files by role, digests by file name, and the names of the input and output blobs."""

    files: Mapping[str, Path]
    digests: Mapping[str, Digested]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Format:
    """A format of networks. `name` is its kind of artifact, `title` its name in messages.

    A format that `reads` implements `read`, `inventory` and `known`; one that `writes` implements `write` and
    `rehearse`.
    """

    __slots__ = ()
    name: ClassVar[str]
    title: ClassVar[str]
    roles: ClassVar[tuple[Role, ...]]
    reads: ClassVar[bool] = True  # else its files can be run, but neither recognised nor read
    writes: ClassVar[bool] = False  # conversions write networks in this format for other programs
    viewable: ClassVar[bool] = False  # in Netron

    def recognise(self, view: memoryview) -> str:
        """Return the role of a file with these bytes; "" if it is of another format."""
        return ""

    def read(self, source: Source, note: Note = no_note) -> Network:
        """Read a network. `note` is called with facts that the user should know, but that are no errors.

        Raises InvalidInputError for damaged files, UnsupportedError with everything that has no counterpart, and
        UsageError if a shape is missing or does not fit.
        """
        raise NotImplementedError(f"{self.name} is not read")

    def inventory(self, source: Source) -> Inventory:
        """List the contents of a file in the terms of the format, without making a graph if possible."""
        raise NotImplementedError(f"{self.name} is not read")

    def known(self, parts: Iterable[Part]) -> Container[str]:
        """Return the kinds of parts that can be converted."""
        return ()

    def tells_shapes(self, source: Source) -> bool:
        """Return whether the files themselves determine the input shapes."""
        return True

    def weights(self, source: Source) -> Mapping[str, Array]:
        """Return the arrays in a file of weights, by name."""
        raise NotImplementedError(f"{self.name} has no file of weights")

    def sketch(self, source: Source) -> Network:
        """Read a network whose weights may be missing. Otherwise the same as `read`."""
        return self.read(source)

    def write(
        self, graph: Graph, folder: Path, options: Mapping[str, Any] = _NONE, progress: Progress = no_progress
    ) -> Written:
        """Write a graph into an existing folder. The same graph always gives the same bytes.

        Raises UnsupportedError, before anything is written, with everything that the format cannot express.
        """
        raise NotImplementedError(f"{self.name} is not written")

    def rehearse(self, graph: Graph) -> Graph:
        """Return the graph as it would be after writing and reading it, without any file. Raises UnsupportedError."""
        raise NotImplementedError(f"{self.name} is not written")

    def beside(self, path: Path) -> Mapping[str, Path]:
        """Return the other files of a network, by role, that are beside its main file `path`."""
        return {}

    def in_folder(self, folder: Path) -> Mapping[str, Path]:
        """Return the files in the folder of an artifact or a run, by role; empty if the main file is missing."""
        found: dict[str, Path] = {}
        for role in self.roles:
            present = [folder / name for name in role.files if (folder / name).is_file()]
            found |= {role.name: present[0]} if present else {}
        return found if self.roles[0].name in found else {}

    def stored(self, folder: Path, options: Mapping[str, Any] = _NONE) -> Source:
        """Return the network in the folder of an artifact, to be read with the `options` of a run."""
        from pipeline.graph import signature

        how = {name: options[name] for name in READING if name in options}
        return Source(self.in_folder(folder), **how, signature=signature.read(folder))

    def selected(self, source: Source, folder: Path) -> Source:
        """Return a source for other programs: if options select layers, a copy in `folder` with only those."""
        return source

    def listed(self, names: Collection[str]) -> Mapping[str, str | list[str]]:
        """Return the names of the files of an artifact by role, for `manifest.json`."""
        return {role.name: name for role in self.roles for name in role.files if name in names} if self.writes else {}

    def artifact(self, files: Mapping[str, Path]) -> Mapping[str, Path]:
        """Return a user's files by their names in an artifact."""
        return {role.files[0]: files[role.name] for role in self.roles if role.name in files}

    @property
    def weights_role(self) -> Role | None:
        """The role of the file of weights; None if the main file holds the weights itself."""
        return next((role for role in self.roles if role.only_weights), None)

    @property
    def is_artifact(self) -> bool:
        """Whether artifacts can hold this format; otherwise stages read the user's own file."""
        return bool(self.roles[0].files)


def attempt(read: Callable[[], Network], *, given: bool) -> tuple[Graph | None, tuple[str, ...]]:
    """Try to read a network for its shapes; return its graph, or None and notes that say why not.

    If the user has `given` shapes, errors other than UnsupportedError are raised, because the shapes caused them.
    """
    try:
        return read().graph, ()
    except UnsupportedError as error:
        return None, tuple(f"{problem.origin}: {problem.reason}" for problem in error.problems)
    except PipelineError as error:
        if given:
            raise
        return None, (f"shapes are not known: {': '.join(filter(None, (error.what, error.why)))}",)
