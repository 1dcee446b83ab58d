"""What a stage of the pipeline declares, and what it is given to do its work.

A stage reads artifacts and writes one artifact. It knows nothing of caches, keys, events or other stages;
the engine reads its declaration and does the rest. Adding a stage is adding one file beside this one
that holds a module-level `STAGE`; heavy packages are imported inside its `run`, so that listing the stages
is quick.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.graph.format import Note, no_note
from pipeline.wire.progress import Progress, no_progress

RECORDED = "original.npz"  # of a verification, where the original's own program was asked: what it computed

if TYPE_CHECKING:
    from pipeline.graph.format import Network


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work: read `inputs`, write files (flat, stable bytes) into the empty folder `output`.

    `inputs` maps an artifact kind to its read-only folder, or a source kind ("t7") to the user's own file.
    A kind that the stage merely wants is absent where nothing made it. `options` holds exactly the options
    that the stage declares. `progress(done, total, unit)` may be called as often as is handy; the unit is
    "bytes" or a noun. `note(text)` tells the user a fact about the network that is no fault: it is kept with the
    artifact, and told again where that is used.

    A stage may leave `signature.json` in its artifact, the inputs and outputs as the user knows them:
    `{"inputs": [{"name", "shape", "dtype", "caffe_blob"}], "outputs": [...]}`. It is not delivered; the last
    stage that wrote one decides what `manifest.json` says. Nor is `RECORDED`, which --record asks for.
    """

    inputs: Mapping[str, Path]
    options: Mapping[str, Any]
    output: Path
    progress: Progress = no_progress
    note: Note = no_note


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A conversion without files: `inputs` maps the kinds that a stage reads to networks, `files` to the user's own."""

    inputs: Mapping[str, Network]
    files: Mapping[str, Path]
    options: Mapping[str, Any]
    note: Note = no_note


@dataclass(frozen=True, slots=True)
class Stage:
    """The declaration of one stage: a node of the DAG, and everything that decides its result.

    A stage that raises VerificationError has its files kept all the same, marked as failed: what they tell is the
    point of them.
    """

    name: str
    makes: str  # the kind of artifact: "graph"
    needs: tuple[str, ...]  # kinds of artifact, or of source ("t7"), that it cannot run without
    needs_any: tuple[str, ...] = field(default=(), kw_only=True)  # kinds of which it cannot run without one
    needs_first: tuple[str, ...] = field(default=(), kw_only=True)  # of these it reads the first that is there, only
    run: Callable[[Task], Mapping[str, str] | None]  # gives the digests of files that it digested as it wrote them
    wants: tuple[str, ...] = ()  # kinds it uses where they exist
    # What it would make, in memory; raises what `run` raises. A stage without one is left out of a scan.
    rehearse: Callable[[Rehearsal], Network] | None = field(default=None, kw_only=True)
    default: bool = True  # runs without being asked for; else only for `--to`, or for a stage that needs it
    follows: bool = False  # runs wherever what it needs is made, whatever was asked for: a check
    options: tuple[str, ...] = ()  # the options of the configuration that change its result
    libraries: tuple[str, ...] = ()  # the distributions whose version decides its result
    version: int = 1  # to be raised where the meaning of its files changes and its code does not show it
    # Further things that decide, of the machine or by way of the options that it declares: the runtimes found, the
    # modules that a plugin imports. May run the user's code that those options name.
    environment: Callable[[Mapping[str, Any]], Mapping[str, str]] | None = None
    # Raises UsageError for options that it could not obey; asked before any stage runs, with what it declares in
    # `options`. Slow imports only where such an option is set.
    check: Callable[[Mapping[str, Any]], None] | None = None
    modules: tuple[str, ...] = ()  # what `run` imports and takes long: done while the user's file is taken in
    module: str = field(default="", compare=False)  # where its code starts; set by the discovery

    @property
    def reads(self) -> tuple[str, ...]:
        """The kinds that it may read."""
        return (*self.needs, *self.needs_first, *self.needs_any, *self.wants)

    def takes(self, present: Container[str]) -> tuple[str, ...]:
        """Return the kinds that it reads where those `present` are there."""
        first = [kind for kind in self.needs_first if kind in present][:1]
        others = [kind for kind in (*self.needs, *self.needs_any, *self.wants) if kind in present]
        return (*first, *others)

    def lacks(self, present: Container[str]) -> tuple[str, ...]:
        """Return the kinds for want of which it cannot run, where those `present` are there, as `a, b or c`."""
        choices = [(kind,) for kind in self.needs] + [kinds for kinds in (self.needs_first, self.needs_any) if kinds]
        lacking = [kinds for kinds in choices if not any(kind in present for kind in kinds)]
        return tuple(" or ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1]))) for kinds in lacking)
