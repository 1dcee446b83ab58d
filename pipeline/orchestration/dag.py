"""The DAG of stages, built from what they declare, and the part of it that one run needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline.config import DEFAULT, Options, nearest
from pipeline.errors import UsageError
from pipeline.orchestration.digests import digest_of
from pipeline.orchestration.store import Store
from pipeline.stages.stage import Stage
from pipeline.wire.digest import file_digest

if TYPE_CHECKING:
    from networkx import DiGraph


def build(stages: Iterable[Stage]) -> DiGraph:
    """Join every stage to the stages that read what it makes; an edge knows its kind and if it is needed.

    Raises ValueError where stages wait for each other: a bug, not a user's mistake.
    """
    import networkx as nx

    graph = nx.DiGraph()
    makers = {stage.makes: stage.name for stage in stages}
    for stage in stages:
        graph.add_node(stage.name, stage=stage)
        for kind in (*stage.needs, *stage.wants):
            if kind in makers:
                graph.add_edge(makers[kind], stage.name, kind=kind, needed=kind in stage.needs)
    if not nx.is_directed_acyclic_graph(graph):
        raise ValueError(f"stages wait for each other: {nx.find_cycle(graph)}")
    return graph


def route(
    stages: Sequence[Stage], given: Iterable[str], stop_after: str = "", off: Iterable[str] = ()
) -> tuple[Stage, ...]:
    """Give the stages to run, in order: those that can be reached from the kinds that are `given`.

    A stage whose result is given is left out, and so is one that is switched `off`. Raises UsageError where
    `stop_after` is no stage of this run, or nothing can be made.
    """
    import networkx as nx

    graph = build(stages)
    available, off = set(given), set(off)
    start = frozenset(available)
    reached: list[Stage] = []
    for name in nx.lexicographical_topological_sort(graph):
        stage = cast(Stage, graph.nodes[name]["stage"])
        if stage.makes not in start and name not in off and available.issuperset(stage.needs):
            reached.append(stage)
            available.add(stage.makes)
    if stop_after:
        check_names([stop_after], [stage.name for stage in stages], "stop_after")
        if stop_after not in {stage.name for stage in reached}:
            raise UsageError(
                f"{stop_after} is not a stage of this run",
                why=f"the run starts from {', '.join(sorted(start))} and goes: "
                + ", ".join(stage.name for stage in reached),
            )
        wanted = nx.ancestors(graph, stop_after) | {stop_after}
        reached = [stage for stage in reached if stage.name in wanted]
    if not reached:
        raise UsageError(f"nothing can be made from {', '.join(sorted(start))}")
    return tuple(reached)


def asked_route(options: Options, stages: Sequence[Stage], given: Iterable[str], store: Store) -> tuple[Stage, ...]:
    """Give the `route` that the options ask for; the store remembers it, by all that it depends on, this code included.

    To import networkx takes as long as all else that a run does where everything is cached.
    """
    off = [stage.name for stage in stages if getattr(options, stage.name, True) is False]
    declared = [[stage.name, stage.makes, stage.needs, stage.wants] for stage in stages]
    code = file_digest(Path(__file__))
    question = digest_of("route", [code, declared, sorted(given), options.stop_after, off])
    if known := store.last("route", question):
        named = {stage.name: stage for stage in stages}
        return tuple(named[name] for name in known["names"])
    found = route(stages, given, options.stop_after, off)
    store.remember("route", question, {"names": [stage.name for stage in found]})
    return found


# What the orchestration itself takes, whatever the stages are.
_OWN_OPTIONS = frozenset(
    {"model", "name", "weights", "inputs", "output", "store", "jobs", "stop_after", "force", "report"}
)


def check_options(options: Options, stages: Sequence[Stage]) -> None:
    """Raise UsageError for options that cannot be obeyed.

    That is one that was set and that nothing takes, one that its stage refuses, and a forced stage there is none of.
    """
    names = [stage.name for stage in stages]
    check_names(options.force, names, "force")
    taken = _OWN_OPTIONS.union(names, *(stage.options for stage in stages))
    for option, origin in options.origins.items():
        if origin != DEFAULT and option not in taken:
            raise UsageError(f"no stage takes the option {option}", where=origin, advice="leave it out")
    for stage in stages:
        if stage.check:
            stage.check({name: getattr(options, name) for name in stage.options})


def check_names(names: Iterable[str], known: Sequence[str], option: str) -> None:
    """Raise UsageError for a name that is no stage."""
    for name in names:
        if name not in known:
            raise UsageError(f"{option}: there is no stage {name}", advice=nearest(name, known))
