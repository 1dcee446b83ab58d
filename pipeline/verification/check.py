"""What is checked, and what a check found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.graph.comparison import Difference
from pipeline.graph.values import Graph


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network in one format: its files by role, the graph read from them, and the blobs of its inputs and outputs.

    It does not bind where it may rightly compute something else than the reference.
    """

    kind: str  # the name of its format
    files: Mapping[str, Path]
    graph: Graph | None
    input_blobs: Sequence[str] = ()
    output_blobs: Sequence[str] = ()
    binding: bool = True
    title: str = ""  # what it is, if that is more than its kind

    @property
    def blobs(self) -> tuple[Sequence[str], Sequence[str]]:
        """The blobs of its inputs, and of its outputs."""
        return self.input_blobs, self.output_blobs


@dataclass(frozen=True, slots=True)
class Check:
    """What one runner found: how many values it has seen, the worst and the first that differs; or why none.

    `to_largest` is how far an output is apart at most, relative to its largest |b|, however small that is. A check that
    does not bind is an opinion: it is shown, and does not fail the run.
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
    reshaped: str = ""  # how its shape is another there, if that is the difference
    skipped: str = ""

    @property
    def series(self) -> str:
        """Its name where its values are told: one runtime may read several formats."""
        return f"{self.by}, {self.reads}" if self.independent else self.by

    @property
    def status(self) -> str:
        """One word: agrees, differs, or skipped where the runner could not run the files."""
        if self.skipped:
            return "skipped"
        return "differs" if self.diverges_at else "agrees"
