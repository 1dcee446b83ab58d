"""The DAG of stages, built from their declarations, and the part of it that a run needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from pipeline.config import DEFAULT, Options
from pipeline.errors import UsageError, nearest
from pipeline.stages.stage import Stage

if TYPE_CHECKING:
    from networkx import DiGraph


def build(stages: Iterable[Stage]) -> DiGraph:
    """Return the graph of stages, with an edge from each stage to those that read what it makes.

    Edges have the kind of artifact, and whether it is `needed`. Raises ValueError if stages depend on each other in a
    cycle, which is a bug.
    """
    import networkx as nx

    graph = nx.DiGraph()
    makers = {stage.makes: stage.name for stage in stages}
    for stage in stages:
        graph.add_node(stage.name, stage=stage)
        for kind in stage.reads:
            if kind in makers:
                graph.add_edge(makers[kind], stage.name, kind=kind, needed=kind in stage.needs)
    if not nx.is_directed_acyclic_graph(graph):
        raise ValueError(f"stages wait for each other: {nx.find_cycle(graph)}")
    return graph


def order(stages: Iterable[Stage]) -> list[Stage]:
    """Return the stages in an order in which they can run; by name where several orders are possible."""
    makers = {stage.makes: stage for stage in stages}
    sorter = TopologicalSorter(
        {stage.name: [makers[kind].name for kind in stage.reads if kind in makers] for stage in makers.values()}
    )
    sorter.prepare()
    named = {stage.name: stage for stage in makers.values()}
    found: list[Stage] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        found += [named[name] for name in ready]
        sorter.done(*ready)
    return found


def route(
    stages: Sequence[Stage],
    given: Iterable[str],
    *,
    to: Sequence[str] = (),
    stop_after: str = "",
    without: Sequence[str] = (),
) -> tuple[Stage, ...]:
    """Return the stages to run, in order, if the kinds `given` are available from the start.

    These are the stages that make the kinds `to` (by default, the default stages), the stages they need, and checks
    that follow them; or `stop_after` and the stages it needs. Raises UsageError if a name is not a stage or kind of
    this run, or nothing can be made.
    """
    names = [stage.name for stage in stages]
    check_names([stop_after] if stop_after else [], names, "stop_after")
    check_names(without, names, "without")
    check_targets(to, stages)
    start = frozenset(given)
    available, reached = set(start), dict[str, Stage]()
    for stage in order(stages):
        if stage.makes not in start and stage.name not in without and not stage.lacks(available):
            reached[stage.name] = stage
            available.add(stage.makes)
    asked = [stop_after] if stop_after else [s.name for s in stages if s.makes in to and s.makes not in start]
    for name in asked:
        if name not in reached:
            goes = f"the run starts from {', '.join(sorted(start))} and goes: " + ", ".join(reached)
            raise UsageError(f"{name} is not a stage of this run", why=goes)
    chosen = _asked(reached.values(), start, to, stop_after)
    if not chosen:
        raise UsageError(f"nothing can be made from {', '.join(sorted(start))}")
    return tuple(stage for stage in reached.values() if stage.name in chosen)


def _asked(reached: Iterable[Stage], start: frozenset[str], to: Sequence[str], stop_after: str) -> set[str]:
    """Return the names of the requested stages, of those that they need, and of checks that follow them."""
    makers = {stage.makes: stage for stage in reached}
    if stop_after:
        waiting = [stage for stage in makers.values() if stage.name == stop_after]
    else:
        waiting = [stage for stage in makers.values() if (stage.makes in to if to else stage.default)]
    chosen: dict[str, Stage] = {}
    while waiting:
        stage = waiting.pop()
        chosen[stage.name] = stage
        first = [kind for kind in stage.needs_first if kind in start or kind in makers][:1]
        needed = [makers[kind] for kind in (*stage.needs, *first) if kind in makers]
        needed += [makers[kind] for kind in stage.needs_any if kind in makers and makers[kind].default]
        waiting += [maker for maker in needed if maker.name not in chosen]
    if stop_after:
        return set(chosen)
    there = start.union(stage.makes for stage in chosen.values())
    following = (stage for stage in makers.values() if stage.follows and not stage.lacks(there))
    return {*chosen, *(stage.name for stage in following)}


def asked_route(options: Options, stages: Sequence[Stage], given: Iterable[str]) -> tuple[Stage, ...]:
    """Return the `route` for the options of a run."""
    return route(stages, given, to=options.to, stop_after=options.stop_after, without=options.left_out)


# The options that the run itself uses, not its stages.
_OWN_OPTIONS = frozenset(
    {"model", "name", "weights", "inputs", "output", "store", "jobs", "scheduler", "force", "report", "record"}
    | {"remote_store", "to", "without", "stop_after", "verify", "limits"}
)


def check_options(options: Options, stages: Sequence[Stage]) -> None:
    """Raise UsageError for options that were set but are not used, that a stage refuses, or that name no stage."""
    names = [stage.name for stage in stages]
    check_names(options.force, names, "force")
    taken = _OWN_OPTIONS.union(*(stage.options for stage in stages))
    for option, origin in options.origins.items():
        if origin != DEFAULT and option not in taken:
            raise UsageError(f"no stage takes the option {option}", where=origin, advice="leave it out")
    for stage in stages:
        if stage.check:
            stage.check({name: getattr(options, name) for name in stage.options})


def check_names(names: Iterable[str], known: Sequence[str], option: str) -> None:
    """Raise UsageError for a name that is not a stage."""
    for name in names:
        if name not in known:
            raise UsageError(f"{option}: there is no stage {name}", advice=nearest(name, known))


def check_targets(kinds: Iterable[str], stages: Sequence[Stage]) -> None:
    """Raise UsageError for a format that no stage makes."""
    known = [stage.makes for stage in order(stages) if not stage.follows]
    for kind in kinds:
        if kind not in known:
            raise UsageError(f"--to: no stage makes {kind}", advice=nearest(kind, known))
