"""What a format of networks is: one frozen object, which the rest of the program asks instead of knowing it.

A format's package holds its object (`caffe/format.py`: CAFFE), `pipeline.formats` lists them all. Adding one is a
package and a line there. Heavy packages are imported inside the methods: to recognise a file, none is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.errors import PipelineError, UnsupportedError

if TYPE_CHECKING:
    import numpy as np

    from pipeline.graph.inventory import Inventory, Part
    from pipeline.graph.signature import Signature
    from pipeline.graph.values import Graph

    Array = np.ndarray[Any, Any]

_NONE: Mapping[str, Any] = MappingProxyType({})
Note = Callable[[str], None]
Progress = Callable[[int, int, str], None]


def unheard(note: str) -> None:
    """Tell nobody."""


def no_progress(done: int, total: int, unit: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Role:
    """A file of a network: what `manifest.json` calls it, and the names it may have in an artifact, the usual first.

    A role without names is no file of an artifact: stages read the user's own. A file may be no whole network by
    itself: it has `only_weights`, or it `lacks_weights`.
    """

    name: str
    files: tuple[str, ...] = ()
    only_weights: bool = False
    lacks_weights: bool = False
    title: str = ""  # a file of it, as messages call it


# The options that say how a network is read, by the fields of a Source that they fill.
READING = ("inputs", "plugins", "keep_loss", "cut", "outputs", "phase", "level", "stages", "not_stages")


@dataclass(frozen=True, slots=True)
class Source:
    """A network on disk: its files by role, the main one first, and what they may not tell.

    `inputs` are `--input` shapes, `root` is the place of a network in a Torch7 table, and `signature` is what is
    known of an artifact's inputs and outputs. `keep_loss`: layers that only training needs are read, too, or are not;
    None leaves that to the format. `states`: those of recurrent layers are inputs and outputs. `cut`: layers before
    which the network ends. `outputs`: blobs with which it ends. `phase`, `level`, `stages` and `not_stages`: the state
    by which rules choose layers. `likeliest`: where shapes are not given and several fit, the likeliest are taken.
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
        """What the main file is."""
        return next(iter(self.files))

    def recorded(self) -> Signature:
        """Return what is known of the inputs and outputs: the signature, else that in the manifest beside the file."""
        from pipeline.graph import signature

        if self.signature is not None:
            return self.signature
        manifest = signature.read_manifest(self.path.parent)
        return manifest.signature if manifest else signature.Signature()


@dataclass(frozen=True, slots=True)
class Network:
    """What reading gives: the graph, and its inputs and outputs with their blobs in the format it was read from."""

    graph: Graph
    signature: Signature


@dataclass(frozen=True, slots=True)
class Written:
    """What writing gives: the files by role, their digests by name, and the blobs of the inputs and outputs."""

    files: Mapping[str, Path]
    digests: Mapping[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Format:
    """A format of networks. `name` is its kind of artifact, `title` what people call it.

    One that `reads` has the methods down to `known`, one that `writes` has `write` and `rehearse`.
    """

    __slots__ = ()
    name: ClassVar[str]
    title: ClassVar[str]
    roles: ClassVar[tuple[Role, ...]]
    reads: ClassVar[bool] = True  # else its files are nobody's, and are looked at by what runs them only
    writes: ClassVar[bool] = False  # networks are written in it for others
    viewable: ClassVar[bool] = False  # Netron shows it

    def recognise(self, view: memoryview) -> str:
        """Return the role of a file with these bytes; "" where it is of another format."""
        return ""

    def read(self, source: Source, note: Note = unheard) -> Network:
        """Read a network; `note` is told what its user should know without its being wrong.

        Raises InvalidInputError for damaged files, UnsupportedError with everything that has no counterpart, and
        UsageError where a shape is needed or does not fit.
        """
        raise NotImplementedError(f"{self.name} is not read")

    def inventory(self, source: Source) -> Inventory:
        """List what is in a file, in the format's own terms, without making a graph of it where that is not needed."""
        raise NotImplementedError(f"{self.name} is not read")

    def known(self, parts: Iterable[Part]) -> Container[str]:
        """Return the kinds of parts that can be converted."""
        return ()

    def tells_shapes(self, source: Source) -> bool:
        """Return whether the files themselves say what shapes the network is used with."""
        return True

    def weights(self, source: Source) -> Mapping[str, Array]:
        """Return the arrays of a file that holds nothing but weights, by name."""
        raise NotImplementedError(f"{self.name} has no file of weights")

    def sketch(self, source: Source) -> Network:
        """Read a network that may lack its weights. Raises what `read` raises, and else as that."""
        return self.read(source)

    def write(
        self, graph: Graph, folder: Path, options: Mapping[str, Any] = _NONE, progress: Progress = no_progress
    ) -> Written:
        """Write a graph into an existing folder; the same graph gives the same bytes.

        Raises UnsupportedError, before anything is written, with everything that the format cannot express.
        """
        raise NotImplementedError(f"{self.name} is not written")

    def rehearse(self, graph: Graph) -> Graph:
        """Return what reading back a written graph would give, without a file. Raises UnsupportedError as `write`."""
        raise NotImplementedError(f"{self.name} is not written")

    def beside(self, path: Path) -> Mapping[str, Path]:
        """Return the other files of a network by the name of its main one, as far as they lie beside it."""
        return {}

    def in_folder(self, folder: Path) -> Mapping[str, Path]:
        """Return the files of an artifact, or of a run's output, by role; nothing where the main one is missing."""
        found: dict[str, Path] = {}
        for role in self.roles:
            present = [folder / name for name in role.files if (folder / name).is_file()]
            found |= {role.name: present[0]} if present else {}
        return found if self.roles[0].name in found else {}

    def stored(self, folder: Path, options: Mapping[str, Any] = _NONE) -> Source:
        """Return an artifact's folder as a source; `options` are those of a run that say how a network is read."""
        from pipeline.graph import signature

        how = {name: options[name] for name in READING if name in options}
        return Source(self.in_folder(folder), **how, signature=signature.read(folder))

    def selected(self, source: Source, folder: Path) -> Source:
        """Return a source as other programs find it: where options choose layers, a file in `folder` has only these."""
        return source

    def listed(self, names: Collection[str]) -> Mapping[str, str | list[str]]:
        """Return what `manifest.json` says of an artifact's files: their names by role."""
        return {role.name: name for role in self.roles for name in role.files if name in names} if self.writes else {}

    def artifact(self, files: Mapping[str, Path]) -> Mapping[str, Path]:
        """Return a user's files by the names that they have in an artifact."""
        return {role.files[0]: files[role.name] for role in self.roles if role.name in files}

    @property
    def weights_role(self) -> Role | None:
        """The role of the files of nothing but weights; None where the main file holds them itself."""
        return next((role for role in self.roles if role.only_weights), None)

    @property
    def is_artifact(self) -> bool:
        """Whether a network of it can be an artifact; else stages read the user's own file."""
        return bool(self.roles[0].files)


def attempt(read: Callable[[], Network], *, given: bool) -> tuple[Graph | None, tuple[str, ...]]:
    """Read a network for its shapes; where there are none, say why in notes.

    With shapes `given` by the user, an error that is not a refusal is raised: it is about them.
    """
    try:
        return read().graph, ()
    except UnsupportedError as error:
        return None, tuple(f"{problem.origin}: {problem.reason}" for problem in error.problems)
    except PipelineError as error:
        if given:
            raise
        return None, (f"shapes are not known: {': '.join(filter(None, (error.what, error.why)))}",)
