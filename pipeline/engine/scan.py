"""Finds everything in a model that convert could not handle, all at once, without writing a file.

The stages of the conversion are rehearsed: each makes in memory what it would write, and the next continues from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.config import Options, refuse_missing_model
from pipeline.engine import dag, reference, sources
from pipeline.errors import Problem, UnsupportedError
from pipeline.graph import budget
from pipeline.graph.format import READING, Network, Source
from pipeline.stages.discovery import discover
from pipeline.stages.stage import Rehearsal, Stage


@dataclass(frozen=True, slots=True)
class Scan:
    """The result of a scan: the problems of all stages, and the number of nodes of the network.

    `stage` is the first one with problems, or else the last one. `notes` are facts that the user should know.
    """

    stage: str
    problems: tuple[Problem, ...]
    nodes: int = 0
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the scan as JSON values."""
        return asdict(self)


def scan(options: Options, stages: Sequence[Stage] | None = None) -> Scan:
    """Rehearse every stage that a conversion would run, except those that need a network which has problems.

    Errors other than UnsupportedError (a damaged file, a missing shape) are raised as by convert.
    """
    stages = discover() if stages is None else stages
    dag.check_options(options, stages)
    refuse_missing_model(options)
    with budget.allowing(options.limits):
        return _rehearsed(options, stages)


def _rehearsed(options: Options, stages: Sequence[Stage]) -> Scan:
    source = sources.recognise(options)
    notes = sources.idle(options, source)
    options = reference.with_shapes(sources.without_idle(options, source), source)
    problems: list[Problem] = []
    first, last, networks = "", "", dict[str, Network]()
    files = {} if source.adopted else source.roles
    route = dag.asked_route(options, stages, [source.kind])
    if source.adopted:
        try:
            networks[source.kind] = source.format.read(_given(source, options), notes.append)
        except UnsupportedError as error:
            return Scan(route[0].name, error.problems)
    for stage in route:
        if stage.rehearse is None or stage.lacks({*networks, *files}):
            continue
        last = stage.name
        chosen = {name: getattr(options, name) for name in stage.options}
        try:
            networks[stage.makes] = stage.rehearse(Rehearsal(networks, files, chosen, notes.append))
        except UnsupportedError as error:
            problems += error.problems
            first = first or stage.name
    nodes = max((len(network.graph.nodes) for network in networks.values()), default=0)
    return Scan(first or last, tuple(problems), nodes, tuple(notes))


def _given(source: sources.Entrance, options: Options) -> Source:
    return Source(source.roles, **{name: getattr(options, name) for name in READING})
