"""Plans a run: what it would do, stage by stage and why, without doing it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.config import Options, refuse_missing_model
from pipeline.engine import dag, delivery, fingerprint, reference, resolution, sources, start
from pipeline.engine.fingerprint import Reason
from pipeline.engine.record import RunRecord, previous, refuse_gone, to_resume
from pipeline.stages.discovery import discover
from pipeline.stages.stage import Stage
from pipeline.store import ledger
from pipeline.store.machine import on_machine
from pipeline.store.remote import Remote, RemoteError
from pipeline.store.store import Artifact, Damage, Store, default_root


@dataclass(frozen=True, slots=True)
class StagePlan:
    """What would happen to one stage.

    `state` is "hit"; "fetch" (from the remote store); "run"; or "follows": an earlier stage runs, and if it makes the
    same bytes as last time, this one will be a hit. Its key is not known before.
    """

    stage: str
    state: str
    key: str
    reasons: tuple[Reason, ...]


def plan(options: Options, stages: Sequence[Stage] | None = None) -> tuple[StagePlan, ...]:
    """Return what would happen to each stage of a conversion now. Writes nothing but cached digests."""
    delivery.refuse_other_model(options, previous(options.output))
    return _plan(options, discover() if stages is None else stages, ())


def plan_resume(
    folder: Path, record: RunRecord, *, adopt: bool = False, stages: Sequence[Stage] | None = None
) -> tuple[StagePlan, ...]:
    """Return what would happen to each stage if an output folder were resumed now, with or without `--adopt`.

    Raises UsageError as the resume would.
    """
    stages = discover() if stages is None else stages
    options = to_resume(record, folder, adopt=adopt)
    refuse_gone(options, folder)
    ledger.refuse_unvouched(folder, record.mark, options)
    store = Store(Path(record.store), create=False)
    with on_machine("reading the output folder", folder):
        given = start.adopt(folder, record, stages, store) if adopt else start.from_record(record, folder, store)
    return _plan(options, stages, given)


def cached(folder: Path, options: Options | None = None, stages: Sequence[Stage] | None = None) -> bool:
    """Return whether a run into `folder` with these options, or a resume of it, has nothing to make or to deliver.

    If nothing was delivered yet, the model is not read. Errors are left to the run to report.
    """
    with suppress(Exception):
        record = previous(folder)
        if record is None or not record.delivered:
            return False
        planned = plan(options, stages) if options else plan_resume(folder, record, stages=stages)
        if all(stage.state == "hit" for stage in planned):
            store = Store(ledger.own_store(folder, record.mark, record.store), create=False)
            return all(delivery.holds(folder / name, entry, store.digests) for name, entry in record.delivered.items())
    return False


def _plan(options: Options, stages: Sequence[Stage], given: tuple[start.Given, ...]) -> tuple[StagePlan, ...]:
    dag.check_options(options, stages)
    refuse_missing_model(options)
    store = Store(options.store or default_root(), create=False)
    source = sources.recognise(options)
    options = reference.with_shapes(sources.without_idle(options, source), source)
    given = given or start.from_source(source)
    route = dag.asked_route(options, stages, {item.read_as for item in given} or {source.kind})
    with on_machine("reading the store", store.root):
        inputs: dict[str, start.Input | None] = {item.read_as: start.identify(item, store) for item in given}
        if not given:
            (path,) = source.files.values()
            inputs[source.kind] = start.users(path, store.digests.of(path))
        plans = []
        for stage in route:
            planned, inputs[stage.makes] = _stage(stage, options, store, inputs)
            plans.append(planned)
    return tuple(plans)


def _stage(
    stage: Stage, options: Options, store: Store, inputs: dict[str, start.Input | None]
) -> tuple[StagePlan, start.Input | None]:
    """Plan one stage. `inputs` holds None for a kind that will be made by an earlier stage."""
    asked = resolution.question(stage, options, inputs, store)
    before = store.last(stage.name, resolution.names(options))
    waiting = sorted(kind for kind in stage.takes(inputs) if inputs[kind] is None)
    if waiting:
        return _following(stage, before, asked.told, waiting), None
    answer = asked.answer(store.check(asked.key), before, options)
    if isinstance(answer, resolution.Hit):
        return StagePlan(stage.name, "hit", asked.key, answer.reasons), start.stored(answer.artifact)
    if stage.name in options.force:
        return StagePlan(stage.name, "run", asked.key, answer.reasons), None
    there, told = _remote(options.remote_store, asked.key)
    if there:
        return StagePlan(stage.name, "fetch", asked.key, told), start.stored(Artifact(store.folder(asked.key), there))
    return StagePlan(stage.name, "run", asked.key, answer.reasons + told), None


def _remote(url: str, key: str) -> tuple[dict[str, Any] | None, tuple[Reason, ...]]:
    """Return the manifest in the remote store for a key, and the reasons to show."""
    remote = Remote(url)
    if not remote.usable:
        return None, ()
    try:
        found = remote.manifest(key)
    except RemoteError as error:
        return None, (Reason("unreachable", url, where=error.why),)
    if isinstance(found, Damage):
        return None, (Reason("unreachable", url, where=found.reason),)
    return found, (Reason("remote", url),) if found else ()


def _following(
    stage: Stage, before: fingerprint.Components | None, parts: fingerprint.Components, waiting: Sequence[str]
) -> StagePlan:
    """Plan a stage after one that runs. It is certain to run only if something else changed as well."""
    if before is None:
        return StagePlan(stage.name, "run", "", (Reason("first"),))
    unknown = {kind: before.get("inputs", {}).get(kind) for kind in waiting}
    likely = {**parts, "inputs": {**parts["inputs"], **unknown}}
    own = fingerprint.differences(before, likely)
    follows = tuple(Reason("follows", kind) for kind in waiting)
    return StagePlan(stage.name, "run" if own else "follows", "", own or follows)


def rows(plans: Sequence[StagePlan]) -> list[tuple[str, ...]]:
    """Return the rows of a table: stage, state and reason, with one row per reason."""
    return [
        (planned.stage, planned.state, str(reason)) if index == 0 else ("", "", str(reason))
        for planned in plans
        for index, reason in enumerate(planned.reasons)
    ]


def as_json(plans: Sequence[StagePlan]) -> list[dict[str, Any]]:
    """Return a plan as JSON values, with every reason as data and as a sentence."""
    return [
        {
            "stage": planned.stage,
            "state": planned.state,
            "key": planned.key,
            "reasons": [{**asdict(reason), "text": str(reason)} for reason in planned.reasons],
        }
        for planned in plans
    ]
