"""The data of a verification: the networks that are checked, and the results of checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.graph.comparison import Difference
from pipeline.graph.values import Graph


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network in one format: its files by role, the graph read from them, and the blobs of its inputs and outputs.

    It is not `binding` if it may compute something else than the reference.
    """

    kind: str  # the name of the format
    files: Mapping[str, Path]
    graph: Graph | None
    input_blobs: Sequence[str] = ()
    output_blobs: Sequence[str] = ()
    binding: bool = True
    title: str = ""  # what to call it, if not by its kind

    @property
    def blobs(self) -> tuple[Sequence[str], Sequence[str]]:
        """The blobs of the inputs, and of the outputs."""
        return self.input_blobs, self.output_blobs


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check: how many values were compared, the worst, and the first that differs; or why none were.

    `to_largest` is the largest difference of an output relative to its own max |b|, however small that is. A check that
    is not `binding` is only an opinion, which does not make the run fail.
    """

    by: str
    reads: str
    independent: bool
    binding: bool = True
    seen: int = 0
    worst: Difference = field(default_factory=lambda: Difference(0.0, 0.0))
    worst_at: str = ""
    to_largest: float = 0.0
    diverges_at: str = ""
    reshaped: str = ""  # how the shape differs, if that is the difference
    skipped: str = ""

    @property
    def series(self) -> str:
        """The name of its values in results: the runtime and the format, since a runtime may read several."""
        return f"{self.by}, {self.reads}" if self.independent else self.by

    @property
    def status(self) -> str:
        """One word: agrees, differs, or skipped if the runtime could not run the files."""
        if self.skipped:
            return "skipped"
        return "differs" if self.diverges_at else "agrees"
