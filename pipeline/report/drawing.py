"""Computes the geometry of the drawings on the page: network, stages, time line, errors of values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipeline.report.columns import in_columns
from pipeline.report.data import LayerRow, NetworkSummary, Parity, RunSummary
from pipeline.report.folding import Part
from pipeline.report.layout import Edge, Layout, Point, layered
from pipeline.report.words import MINUS

MARGIN = 12.0


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its upper left corner, and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Diagram:
    """Boxes, in the order of what they represent, and the SVG paths of the edges between them."""

    boxes: tuple[Box, ...]
    paths: tuple[str, ...]
    width: float
    height: float


def diagram(sizes: Sequence[tuple[float, float]], edges: Sequence[Edge]) -> Diagram:
    """Draw boxes and the edges between them, from top to bottom, in columns if there are many."""
    drawn = in_columns(layered(sizes, edges), sizes, edges)
    boxes = tuple(
        Box(round(x - width / 2 + MARGIN, 1), round(y - height / 2 + MARGIN, 1), width, height)
        for (x, y), (width, height) in zip(drawn.centres, sizes, strict=True)
    )
    return Diagram(boxes, _paths(drawn), math.ceil(drawn.width + 2 * MARGIN), math.ceil(drawn.height + 2 * MARGIN))


def _paths(drawn: Layout) -> tuple[str, ...]:
    return tuple(_path([(x + MARGIN, y + MARGIN) for x, y in route]) for route in drawn.routes)


def _path(route: Sequence[Point]) -> str:
    """Return an SVG path through points: vertical ends, curves in between, straight lines between aligned points."""
    (x, y), *_ = route
    words = [f"M{x:.0f} {y:.0f}"]
    for (x, y), (next_x, next_y) in pairwise(route):
        if abs(x - next_x) < 1 or abs(y - next_y) < 1:
            words.append(f"L{next_x:.0f} {next_y:.0f}")
        else:
            middle = (y + next_y) / 2
            words.append(f"C{x:.0f} {middle:.0f} {next_x:.0f} {middle:.0f} {next_x:.0f} {next_y:.0f}")
    return "".join(words)


LAYER = (188.0, 58.0)
STAGE = (156.0, 44.0)


@dataclass(frozen=True, slots=True)
class NetworkDrawing:
    """The boxes of a network, the edges between them, and the geometry of both."""

    parts: tuple[Part, ...]
    edges: tuple[Edge, ...]
    diagram: Diagram

    def below(self) -> Mapping[int, list[int]]:
        """Return the boxes that use the values of each box, by index."""
        found: dict[int, list[int]] = {place: [] for place in range(len(self.parts))}
        for start, end in self.edges:
            found[start].append(end)
        return found


def of_network(network: NetworkSummary, parts: Sequence[Part]) -> NetworkDrawing:
    """Draw a network, with its layers in boxes."""
    box_of = {layer: place for place, part in enumerate(parts) for layer in part.layers}
    pairs = dict.fromkeys((box_of[start], box_of[end]) for start, end in network.edges)
    edges = tuple((start, end) for start, end in pairs if start != end)
    return NetworkDrawing(tuple(parts), edges, diagram([LAYER] * len(parts), edges))


@dataclass(frozen=True, slots=True)
class Step:
    """A box in the drawing of stages: a stage, or what the run started from (state "source")."""

    name: str
    makes: str
    state: str


def steps(run: RunSummary) -> tuple[Step, ...]:
    """Return the boxes of the drawing of stages."""
    made = {stage.makes for stage in run.stages}
    used = {kind for stage in run.stages for kind in stage.reads}
    sources = sorted({run.source_kind} & used - made) or ["source"]
    return (
        *(Step(kind, "", "source") for kind in sources),
        *(Step(stage.name, stage.makes, stage.state) for stage in run.stages),
    )


def of_stages(run: RunSummary) -> Diagram:
    """Draw the stages and what each of them read, in the order of `steps`."""
    boxes = steps(run)
    makers = {step.makes or step.name: place for place, step in enumerate(boxes)}
    first = len(boxes) - len(run.stages)
    edges = []
    for place, stage in enumerate(run.stages, first):
        found = sorted({makers[kind] for kind in stage.reads if makers.get(kind, place) < place})
        edges += [(start, place) for start in found or ([0] if place == first else [])]
    return diagram([STAGE] * len(boxes), edges)


@dataclass(frozen=True, slots=True)
class StageBar:
    """When a stage ran, in percent of the whole."""

    start: float
    length: float


def time_line(run: RunSummary) -> tuple[StageBar | None, ...]:
    """Return when each stage ran; None if it did not start, or if that is unknown."""
    known = [(stage.began, stage.began + stage.seconds) for stage in run.stages if stage.began is not None]
    whole = max([run.seconds, *(end for _, end in known)]) or 1.0
    return tuple(
        None
        if stage.began is None
        else StageBar(round(100 * stage.began / whole, 2), round(max(0.6, 100 * stage.seconds / whole), 2))
        for stage in run.stages
    )


WIDTH, HEIGHT = 1000.0, 340.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 12.0, 14.0, 30.0
LOWEST = -12  # the smallest power of ten that is distinguished from zero

# Marks of series, drawn around a point. They differ in shape, not only in colour.
MARKS = (
    "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
    "m-4 -4h8v8h-8z",
    "m0 -5l5 9h-10z",
    "m0 -5l5 5l-5 5l-5 -5z",
    "m-4 -4l8 8m0 -8l-8 8",
    "m-5 0h10m-5 -5v10",
)


@dataclass(frozen=True, slots=True)
class Series:
    """The marks of one check."""

    name: str
    mark: str
    path: str
    count: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A line across the plot."""

    label: str
    y: float


@dataclass(frozen=True, slots=True)
class Column:
    """The column of one value: its name, its position, its errors as a sentence, and its layer's index (or None)."""

    name: str
    x: float
    width: float
    text: str
    layer: int | None


@dataclass(frozen=True, slots=True)
class Plot:
    """The errors of all values on a logarithmic scale, in order."""

    series: tuple[Series, ...]
    ticks: tuple[Tick, ...]
    columns: tuple[Column, ...]
    tolerance: float | None  # its place


class _Scale:
    """A scale of powers of ten, with a lane for zero at the bottom and one for infinite errors at the top."""

    def __init__(self, errors: Sequence[float], tolerance: float) -> None:
        powers = [math.log10(error) for error in (*errors, tolerance) if 0 < error < math.inf]
        self.low = max(LOWEST, math.floor(min(powers, default=-8)))
        self.high = max(self.low + 1, math.ceil(max(powers, default=-4) + 0.3))
        self.infinite = any(not math.isfinite(error) for error in errors)
        self.lanes = self.high - self.low + 1 + self.infinite

    def __call__(self, error: float) -> float:
        """Return the height of an error."""
        if not math.isfinite(error):
            lane = float(self.lanes)
        elif error < 10.0**self.low:
            lane = 0.0
        else:
            lane = 1 + math.log10(error) - self.low
        return round(HEIGHT - BOTTOM - lane * (HEIGHT - TOP - BOTTOM) / self.lanes, 1)

    def ticks(self) -> tuple[Tick, ...]:
        step = max(1, (self.high - self.low) // 8)
        powers = [Tick(f"1e{p}".replace("-", MINUS), self(10.0**p)) for p in range(self.low, self.high + 1, step)]
        return (Tick("equal", self(0.0)), *powers, *([Tick("∞", self(math.inf))] if self.infinite else []))


def of_parity(parity: Parity, layers: Mapping[str, LayerRow]) -> Plot:
    """Plot the errors of all values. `layers` maps the name of each value to its layer."""
    scale = _Scale([e for found in parity.values.values() for e in found.values()], parity.tolerance)
    width = (WIDTH - LEFT - RIGHT) / max(1, len(parity.values))
    middles = {name: round(LEFT + (i + 0.5) * width, 1) for i, name in enumerate(parity.values)}
    series = []
    for place, name in enumerate(parity.series):
        mark = MARKS[place % len(MARKS)]
        points = [(middles[value], scale(found[name])) for value, found in parity.values.items() if name in found]
        series.append(Series(name, mark, "".join(f"M{x:g} {y:g}{mark}" for x, y in points), len(points)))
    columns = tuple(
        Column(
            name,
            round(middles[name] - width / 2, 2),
            round(width, 2),
            "; ".join(f"{by} {error:.3g}" for by, error in found.items()) or "not compared",
            layers[name].index if name in layers else None,
        )
        for name, found in parity.values.items()
    )
    tolerance = scale(parity.tolerance) if parity.tolerance > 0 else None
    return Plot(tuple(series), scale.ticks(), columns, tolerance)


def spark(histogram: Sequence[int], width: float = 96.0, height: float = 22.0) -> str:
    """Return a histogram as one SVG path of bars. Bins that are not empty are always visible."""
    most, bar = max(histogram, default=0), width / max(1, len(histogram))
    words = []
    for place, amount in enumerate(histogram):
        if amount:
            tall = max(1.0, height * amount / most)
            words.append(f"M{place * bar:.1f} {height:g}v-{tall:.1f}h{bar - 1:.1f}v{tall:.1f}z")
    return "".join(words)
