"""What a report tells, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.graph.values import Value
from pipeline.inspection.pictures import Picture
from pipeline.inspection.statistics import Statistics


@dataclass(frozen=True, slots=True)
class StageRun:
    """How one stage fared; `state` is that of the run record. `began` counts seconds from the run's start."""

    name: str
    makes: str
    reads: tuple[str, ...]
    state: str
    reasons: tuple[str, ...]
    began: float | None
    seconds: float
    size: int
    key: str
    digest: str


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The run as a whole: what was asked for, what came of it, and by which versions."""

    model: str
    state: str
    worker: str  # who did it, as HOST:PID
    error: str
    source_kind: str
    source_title: str  # what people call the format it was read from
    sources: Mapping[str, str]  # path -> digest
    started: str
    finished: str
    seconds: float
    stages: tuple[StageRun, ...]
    edited: tuple[str, ...]
    versions: Mapping[str, str]
    runtimes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class File:
    """A file of the output folder."""

    name: str
    kind: str
    size: int
    digest: str
    edited: bool


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight of the network, and what its numbers are like."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A node of the graph, or one of its inputs (operator "Input").

    `path` and `kind` are its place in the source and what stands there. `weights` are places in the network's list.
    """

    index: int
    name: str
    operator: str
    family: str
    path: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[Value, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)
    weights: tuple[int, ...] = ()
    parameters: int = 0
    multiply_adds: int = 0
    activation_bytes: int = 0
    sees: str = ""  # the receptive field
    is_output: bool = False


@dataclass(frozen=True, slots=True)
class NetworkSummary:
    """The network, with an edge (from, to) between the places of two layers for each value that passes.

    `pictures` are those of its first convolution.
    """

    name: str
    format: str
    layers: tuple[LayerRow, ...]
    edges: tuple[tuple[int, int], ...]
    weights: tuple[Weight, ...]
    pictures: tuple[Picture, ...] = ()

    @property
    def parameters(self) -> int:
        """The numbers of all weights."""
        return sum(weight.statistics.count for weight in self.weights)

    @property
    def multiply_adds(self) -> int:
        """The multiply-adds of all layers."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """The bytes of everything that passes between layers."""
        return sum(layer.activation_bytes for layer in self.layers)


@dataclass(frozen=True, slots=True)
class CheckRow:
    """What one runner found; `series` is its name among the values it was compared on.

    `to_largest` is the largest error of an output, relative to its own max |b|.
    """

    by: str
    reads: str
    series: str
    independent: bool
    binding: bool
    status: str
    values: int
    relative: float
    to_largest: float
    worst_at: str
    diverges_at: str
    diverges_in: str
    why: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Who bears a step of the conversion out: `state` and `words` are those of `pipeline.verification.evidence`."""

    step: str
    state: str
    by: tuple[str, ...]
    words: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Parity:
    """The verification; `unheard` are runtimes that had to judge, and did not.

    `values` maps a value to its error by series, relative to max(1, max |b|).
    """

    passed: bool
    tolerance: float
    inputs: str
    evidence: tuple[Evidence, ...]
    unheard: tuple[str, ...]
    checks: tuple[CheckRow, ...]
    values: Mapping[str, Mapping[str, float]]
    origins: Mapping[str, str]

    @property
    def series(self) -> tuple[str, ...]:
        """The names of those that saw values, in the order in which they were asked."""
        return tuple(dict.fromkeys(check.series for check in self.checks if check.status != "skipped"))

    @property
    def worst(self) -> float:
        """The largest error of any check that binds."""
        return max((check.relative for check in self.checks if check.binding), default=0.0)

    def differs(self, name: str) -> bool:
        """Return whether a value is further apart than is tolerated, by a check that binds."""
        binding = {check.series for check in self.checks if check.binding}
        return any(not error <= self.tolerance for by, error in self.values.get(name, {}).items() if by in binding)


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the run that is not its default, and where it was set."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What makes the same files again: the command as it was typed, and one that holds anywhere."""

    typed: str
    complete: str
    requirements: tuple[str, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the page tells. `network` and `parity` are None where the run did not come so far.

    `no_network` and `no_parity` say why there is none, where a file cannot be read.
    """

    folder: str
    run: RunSummary
    files: tuple[File, ...]
    reproduction: Reproduction
    network: NetworkSummary | None = None
    no_network: str = ""
    parity: Parity | None = None
    no_parity: str = ""


def as_json(reports: Sequence[Report]) -> Any:  # noqa: ANN401 - any JSON value
    """Return reports as plain JSON values, without the bytes of pictures; numbers that JSON lacks become words."""
    return {"generator": "torch2caffe2", "models": [as_words(asdict(report)) for report in reports]}


def as_words(value: Any) -> Any:  # noqa: ANN401 - any field
    """Return a value as JSON has it: without bytes, and with a word for a number that JSON lacks."""
    if isinstance(value, dict):
        return {name: as_words(item) for name, item in value.items() if not isinstance(item, bytes)}
    if isinstance(value, list | tuple):
        return [as_words(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
