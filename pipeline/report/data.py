"""The data of a report."""

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
    """One stage of the run. `state` is that in the run record; `began` is in seconds after the start of the run."""

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
    """The run as a whole: the request, the result, and the versions."""

    model: str
    state: str
    worker: str  # the process, as HOST:PID
    error: str
    source_kind: str
    source_title: str  # the title of the format it was read from
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
    """A file in the output folder."""

    name: str
    kind: str
    size: int
    digest: str
    edited: bool


@dataclass(frozen=True, slots=True)
class Weight:
    """A weight of the network, with statistics of its numbers."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A node of the graph, or one of its inputs (operator "Input").

    `path` and `kind` are those of its origin. `weights` are indices in the network's list of weights.
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
    """The network. Each edge (from, to) is a value that passes between two layers, given by their indices.

    `pictures` show its first convolution.
    """

    name: str
    format: str
    layers: tuple[LayerRow, ...]
    edges: tuple[tuple[int, int], ...]
    weights: tuple[Weight, ...]
    pictures: tuple[Picture, ...] = ()

    @property
    def parameters(self) -> int:
        """The number of parameters."""
        return sum(weight.statistics.count for weight in self.weights)

    @property
    def multiply_adds(self) -> int:
        """The multiply-adds of all layers."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def activation_bytes(self) -> int:
        """The bytes of all values that pass between layers."""
        return sum(layer.activation_bytes for layer in self.layers)


@dataclass(frozen=True, slots=True)
class CheckRow:
    """The result of one check. `series` is its name in the errors of values.

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
    """What confirms a step of the conversion. `state` and `words` are from `pipeline.verification.evidence`."""

    step: str
    state: str
    by: tuple[str, ...]
    words: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Parity:
    """The verification. `unheard` are required runtimes that checked nothing.

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
        """The names of the checks that compared values, in order."""
        return tuple(dict.fromkeys(check.series for check in self.checks if check.status != "skipped"))

    @property
    def worst(self) -> float:
        """The largest error of any binding check."""
        return max((check.relative for check in self.checks if check.binding), default=0.0)

    def differs(self, name: str) -> bool:
        """Return whether a binding check found the error of a value to exceed the tolerance."""
        binding = {check.series for check in self.checks if check.binding}
        return any(not error <= self.tolerance for by, error in self.values.get(name, {}).items() if by in binding)


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the run that is not the default, and where it was set."""

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Reproduction:
    """How to make the same files again: the command as it was typed, and one that works anywhere."""

    typed: str
    complete: str
    requirements: tuple[str, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything on the page. `network` and `parity` are None if the run did not get that far.

    `no_network` and `no_parity` say why there is none, if a file cannot be read.
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
    """Return reports as JSON values, without the bytes of pictures. Infinite numbers and NaN become words."""
    return {"generator": "torch2caffe2", "models": [as_words(asdict(report)) for report in reports]}


def as_words(value: Any) -> Any:  # noqa: ANN401 - any field
    """Return a value as a JSON value, without bytes, and with words for infinite numbers and NaN."""
    if isinstance(value, dict):
        return {name: as_words(item) for name, item in value.items() if not isinstance(item, bytes)}
    if isinstance(value, list | tuple):
        return [as_words(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
