"""The declaration of a stage, and the task that it is given.

A stage reads artifacts and writes one artifact. It knows nothing of caches, keys, events or other stages; the engine
reads its declaration and does the rest. To add a stage, add a file beside this one that defines `STAGE` at module
level. Import heavy packages inside its `run`, so that listing the stages stays fast.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.graph.format import Note, no_note
from pipeline.wire.progress import Progress, no_progress

RECORDED = "original.npz"  # in a verification: the results of Torch7 itself, if it was one of the runtimes

if TYPE_CHECKING:
    from pipeline.graph.format import Network
    from pipeline.wire.digest import Digested


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work: read `inputs`, write files (no folders, always the same bytes) into the empty folder `output`.

    `inputs` maps each kind of artifact to its read-only folder, or a source kind ("t7") to the user's own file. A kind
    that the stage only `wants` is missing if nothing made it. `options` holds exactly the options that the stage
    declares. `progress` may be called as often as convenient. `note(text)` informs the user of a fact that is no error;
    it is kept with the artifact, and shown again whenever the artifact is used.

    A stage may write `signature.json`, which describes the inputs and outputs as the user knows them: `{"inputs":
    [{"name", "shape", "dtype", "caffe_blob"}], "outputs": [...]}`. It is not delivered itself; the signature of the
    last stage that wrote one goes into `manifest.json`. `RECORDED` is delivered only for --record.
    """

    inputs: Mapping[str, Path]
    options: Mapping[str, Any]
    output: Path
    progress: Progress = no_progress
    note: Note = no_note


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The task of a stage in a scan, without writing files: `inputs` are networks by kind, `files` the user's own."""

    inputs: Mapping[str, Network]
    files: Mapping[str, Path]
    options: Mapping[str, Any]
    note: Note = no_note


@dataclass(frozen=True, slots=True)
class Stage:
    """The declaration of one stage: a node of the DAG, and everything that determines its result.

    If a stage raises VerificationError, its files are kept all the same, and marked as failed.
    """

    name: str
    makes: str  # the kind of artifact that it makes: "graph"
    needs: tuple[str, ...]  # kinds of artifacts or sources ("t7") that it requires
    needs_any: tuple[str, ...] = field(default=(), kw_only=True)  # kinds of which it requires at least one
    needs_first: tuple[str, ...] = field(default=(), kw_only=True)  # reads the first available one
    run: Callable[[Task], Mapping[str, Digested] | None]  # returns the digests of files, if it computed any
    wants: tuple[str, ...] = ()  # kinds it uses where they exist
    # Returns in memory what `run` would make, and raises what `run` raises. Stages without it are not scanned.
    rehearse: Callable[[Rehearsal], Network] | None = field(default=None, kw_only=True)
    default: bool = True  # runs unless left out; other stages run only for `--to`, or if a stage needs them
    follows: bool = False  # a check: runs whenever its inputs are made, whatever `--to` says
    options: tuple[str, ...] = ()  # the options that affect its result
    libraries: tuple[str, ...] = ()  # the packages whose versions affect its result
    version: int = 1  # to be raised if the meaning of its files changes without a change of its code
    # Returns whatever else affects its result: the runtimes on the machine, the modules that a plugin imports. It may
    # run code of the user that the declared options name.
    environment: Callable[[Mapping[str, Any]], Mapping[str, str]] | None = None
    # Raises UsageError for options that it cannot satisfy. It is called before any stage runs, with the declared
    # options, and should import slow modules only if such an option is set.
    check: Callable[[Mapping[str, Any]], None] | None = None
    modules: tuple[str, ...] = ()  # slow imports of `run`, done in advance while the user's file is digested
    module: str = field(default="", compare=False)  # that defines it; set by the discovery

    @property
    def reads(self) -> tuple[str, ...]:
        """The kinds that it may read."""
        return (*self.needs, *self.needs_first, *self.needs_any, *self.wants)

    def takes(self, present: Container[str]) -> tuple[str, ...]:
        """Return the kinds that it reads if those in `present` are available."""
        first = [kind for kind in self.needs_first if kind in present][:1]
        others = [kind for kind in (*self.needs, *self.needs_any, *self.wants) if kind in present]
        return (*first, *others)

    def lacks(self, present: Container[str]) -> tuple[str, ...]:
        """Return the required kinds that are missing from `present`, alternatives as `a, b or c`."""
        choices = [(kind,) for kind in self.needs] + [kinds for kinds in (self.needs_first, self.needs_any) if kinds]
        lacking = [kinds for kinds in choices if not any(kind in present for kind in kinds)]
        return tuple(" or ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1]))) for kinds in lacking)
