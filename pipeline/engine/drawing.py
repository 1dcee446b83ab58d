"""The DAG of stages as a drawing: lines of text, Mermaid, Graphviz's dot, or SVG."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from types import MappingProxyType

from pipeline.engine import dag
from pipeline.errors import UsageError
from pipeline.stages.stage import Stage

_NO_STATES: Mapping[str, str] = MappingProxyType({})
_SIZE = (150.0, 44.0)  # of a box of the SVG, in pixels
_STYLE = """
  text { font: 13px system-ui, sans-serif; text-anchor: middle; fill: #1b1f24 }
  rect { fill: #fff; stroke: #57606a; stroke-width: 1.5 } .hit, .fetch { fill: #dcecff } .run { fill: #ffe8c7 }
  path { fill: none; stroke: #57606a; stroke-width: 1.5 } .wanted { stroke-dasharray: 5 4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } rect { fill: #21262d; stroke: #9198a1 } path { stroke: #9198a1 }
    .hit, .fetch { fill: #16385f } .run { fill: #5a3d0c }
  }
"""


@dataclass(frozen=True, slots=True)
class _Edge:
    """An artifact that one stage makes and another reads. If it is not `needed`, the line is dashed."""

    maker: str
    reader: str
    kind: str
    needed: bool


@dataclass(frozen=True, slots=True)
class _Drawing:
    """The stages in order with their states ("hit", "run", "follows"; "" for none), and the edges between them."""

    stages: tuple[Stage, ...]
    states: tuple[str, ...]
    edges: tuple[_Edge, ...]


def drawn(stages: Sequence[Stage], form: str, states: Mapping[str, str] = _NO_STATES) -> str:
    """Return the DAG of stages, with their states by name, in one of FORMS. Raises UsageError for another form."""
    if form not in FORMS:
        raise UsageError(f"--dag cannot be {form}", advice="one of: " + ", ".join(FORMS))
    ordered = tuple(dag.order(stages))
    joined = dag.build(stages).edges(data=True)
    place = {stage.name: number for number, stage in enumerate(ordered)}
    edges = sorted(joined, key=lambda edge: (place[edge[1]], place[edge[0]]))
    told = tuple(states.get(stage.name, "") for stage in ordered)
    return FORMS[form](_Drawing(ordered, told, tuple(_Edge(a, b, e["kind"], e["needed"]) for a, b, e in edges)))


def _text(drawing: _Drawing) -> str:
    """Return one line per stage: what it reads (optional inputs in brackets), its name, what it makes, its state.

    Optional and alternative inputs are shown only if another stage makes them.
    """
    made = {stage.makes for stage in drawing.stages}
    sides = [(_read(stage, made), stage.name, stage.makes) for stage in drawing.stages]
    left, middle, right = (max(map(len, column)) for column in zip(*sides, strict=True))
    lines = [
        f"{reads:>{left}} --> {name:^{middle}} --> {makes:<{right}} {state}".rstrip()
        for (reads, name, makes), state in zip(sides, drawing.states, strict=True)
    ]
    return "\n".join(lines)


def _read(stage: Stage, made: Container[str]) -> str:
    choices = [[kind for kind in kinds if kind in made] for kinds in (stage.needs_first, stage.needs_any)]
    needed = ", ".join((*stage.needs, *(" or ".join(kinds) for kinds in choices if kinds)))
    wanted = ", ".join(kind for kind in stage.wants if kind in made)
    return f"{needed} [{wanted}]" if wanted else needed


def _mermaid(drawing: _Drawing) -> str:
    named = [
        f'    {stage.name}["{stage.name}: {state}"]'
        for stage, state in zip(drawing.stages, drawing.states, strict=True)
        if state
    ]
    joined = [f"    {e.maker} {'-->' if e.needed else '-.->'}|{e.kind}| {e.reader}" for e in drawing.edges]
    return "\n".join(["flowchart LR", *named, *joined])


def _dot(drawing: _Drawing) -> str:
    named = [
        f'    "{stage.name}" [label="{stage.name}{f": {state}" if state else ""}"];'
        for stage, state in zip(drawing.stages, drawing.states, strict=True)
    ]
    joined = [
        f'    "{e.maker}" -> "{e.reader}" [label="{e.kind}"{"" if e.needed else ", style=dashed"}];'
        for e in drawing.edges
    ]
    return "\n".join(["digraph stages {", "    rankdir=LR;", "    node [shape=box];", *named, *joined, "}"])


def _svg(drawing: _Drawing) -> str:
    """Return boxes from top to bottom, as in the report of a run."""
    from pipeline.report.drawing import diagram

    place = {stage.name: number for number, stage in enumerate(drawing.stages)}
    pairs = [(place[edge.maker], place[edge.reader]) for edge in drawing.edges]
    laid = diagram([_SIZE] * len(place), pairs)
    paths = [
        f'<path d="{path}" class="{"needed" if edge.needed else "wanted"}"/>'
        for path, edge in zip(laid.paths, drawing.edges, strict=True)
    ]
    boxes = [
        f'<rect class="{escape(state)}" x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}" rx="6"/>'
        f'<text x="{box.x + box.width / 2}" y="{box.y + box.height / 2 + 4}">'
        f"{escape(f'{stage.name}: {state}' if state else stage.name)}</text>"
        for stage, state, box in zip(drawing.stages, drawing.states, laid.boxes, strict=True)
    ]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {laid.width} {laid.height}" width="{laid.width}">'
    return "\n".join([head, f"<style>{_STYLE}</style>", *paths, *boxes, "</svg>"])


FORMS: Mapping[str, Callable[[_Drawing], str]] = {"text": _text, "mermaid": _mermaid, "dot": _dot, "svg": _svg}
