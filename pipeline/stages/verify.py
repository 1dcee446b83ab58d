"""All networks -> a verification: runs every artifact in every available runtime on the same inputs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import formats
from pipeline.graph.format import READING
from pipeline.stages import conversion
from pipeline.stages.stage import RECORDED, Stage, Task

if TYPE_CHECKING:
    from pipeline.graph.format import Format
    from pipeline.graph.signature import Signature
    from pipeline.graph.values import Graph
    from pipeline.verification.check import Candidate


def run(task: Task) -> None:
    """Compare every value of every artifact. Raises VerificationError, with the place, if they differ.

    If a net was edited, only the artifacts made from it must agree with it; "original" is the net before the edit.
    """
    import json

    from pipeline.runtimes import discovery
    from pipeline.verification import divergence, evidence, feeds, verification
    from pipeline.verification.tolerance import Tolerance

    artifacts, before = _artifacts(task), _before_the_edit(task)
    if before is not None:
        artifacts = _edited_first(artifacts, before.kind)
    first = next(artifact.graph for artifact in artifacts if artifact.graph is not None)
    original = before.graph if before and before.graph and _same_inputs(before.graph, first) else first
    options = task.options
    reference = (
        feeds.read_reference(options["reference"], original)
        if options["reference"]
        else feeds.random_inputs(first, options["seed"])
    )
    runtimes = discovery.runtimes(os.environ, *_named(options))
    for runtime in runtimes:
        if runtime.executes and (file := task.inputs.get(runtime.reads)):
            task.note(f"{runtime.name} executes what is in {file.name}: it was asked for by name")
    tolerance = Tolerance(options["tolerance"], options["output_tolerance"])
    required = options["require_runtimes"]
    result = verification.verify(artifacts, reference, runtimes, tolerance, task.progress, before, required)
    report = verification.as_json(result)
    (task.output / evidence.FILE).write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if result.original:
        feeds.write_reference(task.output / RECORDED, reference.inputs, result.original)
    verification.require(result, divergence.keep(result, artifacts, reference.inputs, runtimes, task.output))


def _same_inputs(a: Graph, b: Graph) -> bool:
    return [value.shape for value in a.inputs] == [value.shape for value in b.inputs]


def _artifacts(task: Task) -> list[Candidate]:
    """Return the networks to compare, in the order in which they were made; the user's own file follows its graph.

    The user's file is left out if other programs would not run the same network: one inside a table, or with other
    inputs and outputs.
    """
    from pipeline.verification.check import Candidate

    made = [known for known in formats.FORMATS if known.is_artifact and known.name in task.inputs]
    found = [_artifact(known, task.inputs[known.name], task) for known in made]
    own = [known for known in formats.FORMATS if not known.is_artifact and known.name in task.inputs]
    if task.options["root"] or task.options["states"] or task.options["keep_loss"] is False:
        return found
    first, ports = found[0], made[0].stored(task.inputs[made[0].name], task.options).recorded()
    users = [
        Candidate(known.name, {known.roles[0].name: task.inputs[known.name]}, None, *_blobs(known, ports, first))
        for known in own
    ]
    return [first, *users, *found[1:]]


def _blobs(known: Format, ports: Signature, first: Candidate) -> tuple[Sequence[str], Sequence[str]]:
    """Return the names of inputs and outputs in the user's own file; if unknown, those of the first artifact."""
    if ports.inputs and ports.notes(known.name):
        return ports.input_blobs(known.name), ports.output_blobs(known.name)
    return first.blobs


def _artifact(known: Format, folder: Path, task: Task) -> Candidate:
    from pipeline.verification.check import Candidate

    source = known.stored(folder, task.options)
    if not known.reads:
        ports = source.recorded()
        return Candidate(known.name, source.files, None, ports.input_blobs(known.name), ports.output_blobs(known.name))
    network = known.read(source)
    graph, ports, source = network.graph, network.signature, known.selected(source, task.output)
    if ports.notes(known.name):
        return Candidate(known.name, source.files, graph, ports.input_blobs(known.name), ports.output_blobs(known.name))
    names = [value.name for value in graph.inputs], [value.name for value in graph.outputs]
    return Candidate(known.name, source.files, graph, *names)


def _edited_first(artifacts: Sequence[Candidate], kind: str) -> list[Candidate]:
    """Make the edited artifact the reference. Those it was made from may compute something else, and do not count."""
    place = [artifact.kind for artifact in artifacts].index(kind)
    return [*artifacts[place:], *(replace(artifact, binding=False) for artifact in artifacts[:place])]


def _before_the_edit(task: Task) -> Candidate | None:
    """Return the net as it was before the user edited it; None if it was not edited."""
    folder = task.inputs.get("original")
    if folder is None:
        return None
    ((known, _), *_) = formats.in_folder(folder)
    return replace(_artifact(known, folder, task), binding=False, title="the net before it was edited")


def _environment(options: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the runtimes that would be used, since the result depends on them, and what determines the plugins."""
    from pipeline.runtimes import discovery

    found = {each.title: each.build for each in discovery.runtimes(os.environ, *_named(options))}
    return {**found, **conversion.environment(options)}


def _check(options: Mapping[str, Any]) -> None:
    """Raise UsageError for runtimes that are not available."""
    from pipeline.runtimes import discovery

    if any(_named(options)):
        discovery.runtimes(os.environ, *_named(options))


def _named(options: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[str]]:
    return options["runtimes"], options["require_runtimes"]


STAGE = Stage(
    name="verify",
    makes="verification",
    needs=(),
    needs_any=tuple(known.name for known in formats.FORMATS if known.writes),
    wants=(*(known.name for known in formats.FORMATS if not known.writes), "original"),
    follows=True,
    run=run,
    options=(
        *READING,
        "output_tolerance",
        "reference",
        "require_runtimes",
        "root",
        "runtimes",
        "seed",
        "states",
        "tolerance",
    ),
    libraries=("numpy", "torch"),
    environment=_environment,
    check=_check,
)
