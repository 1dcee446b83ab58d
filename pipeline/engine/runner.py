"""Starts or resumes one conversion: checks its options, finds its input and route, and hands over to `Run`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Container, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.config import Options, refuse_missing_model, validate
from pipeline.engine import (
    dag,
    delivery,
    events,
    fingerprint,
    guards,
    page,
    record,
    reference,
    reporters,
    sources,
    start,
)
from pipeline.engine.record import RunRecord, StageRecord
from pipeline.engine.run import Outcome, Run
from pipeline.errors import MissingLibrary, PipelineError, UsageError
from pipeline.graph import budget
from pipeline.runtimes import discovery
from pipeline.stages.discovery import discover
from pipeline.stages.stage import Stage
from pipeline.store import ledger
from pipeline.store.machine import on_machine
from pipeline.store.store import FOLDERS, Store, default_root, opened
from pipeline.wire.paths import canonical

__all__ = ["Outcome", "refused", "resume", "run", "wait"]

_TOGETHER = 100  # records synced to disk at once; meanwhile, the output folder of each is held open


def run(
    options: Options,
    report: events.Reporter,
    *,
    command: Sequence[str] = (),
    before: RunRecord | None = None,
    adopt: bool = False,
    stages: Sequence[Stage] | None = None,
) -> Outcome:
    """Convert one model. Errors before the run is recorded are raised; later ones are in the outcome.

    Events go to `report` and to the log in the output folder. `before` is the record of the run to resume; `adopt`
    continues from the files that were edited in its folder.
    """
    stages = discover() if stages is None else stages
    report = reporters.several([reporters.EventLog(), report])
    dag.check_options(options, stages)
    refuse_missing_model(options)
    root = options.store or default_root()
    _refuse_inside(options.output, root)
    with ExitStack() as stack:
        store = opened(root)
        _make_folder(options.output)
        stack.enter_context(guards.only_one(options.output))
        _refuse_places(options)
        earlier = _earlier(options, report)
        if before is None:
            delivery.refuse_other_model(options, earlier)
        store.digests.ahead(_large_files(options, earlier))
        given, source = _entrance(options, earlier, before is not None, adopt, stages, store)
        kinds = {item.read_as for item in given} or {source.kind}
        route = dag.asked_route(options, stages, kinds)
        _refuse_missing_libraries(route)
        made = _recorded(options, store, command, earlier, route)
        stop = stack.enter_context(guards.stops_cleanly(lambda: report(events.StopAsked(options.name))))
        with on_machine("opening the store", root):
            session = stack.enter_context(store.sessions.open())
        stack.enter_context(budget.allowing(options.limits))
        heard = reference.with_shapes(sources.without_idle(options, source), source)
        idle = sources.idle(options, source)
        kept = None if before is None or adopt else earlier
        return Run(heard, report, store, session, made, route, given, source, stop, idle, kept).go()


def _make_folder(output: Path) -> None:
    """Create the output folder. Raises UsageError if something else lies there or where a folder above it must be."""
    with on_machine("opening the output folder", output):
        try:
            output.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            in_the_way = next(place for place in (output, *output.parents) if os.path.lexists(place))
            what = f"--output must be a folder, and {in_the_way} is {'a file' if in_the_way.is_file() else 'none'}"
            raise UsageError(what, advice="choose another --output, or move it away") from None


def _refuse_places(options: Options) -> None:
    """Raise UsageError if the run would overwrite files of others, or two of its own files have the same path."""
    delivery.refuse_foreign(options.output)
    if options.report:
        page.refuse_foreign(options.report)
        delivery.refuse_names(options.output, page.files(options.report))
    if options.record:
        reference.refuse_record(options, options.record)
        delivery.refuse_names(options.output, [options.record])


def _recorded(
    options: Options, store: Store, command: Sequence[str], earlier: RunRecord | None, route: Sequence[Stage]
) -> RunRecord:
    """Write the record of a run that begins, after the ledger has noted which paths outside its folder it uses."""
    made = record.start(options, store.root, list(command), os.urandom(6).hex())
    made.mark = record.mark(earlier)
    made.stages = [StageRecord(stage.name, stage.makes) for stage in route]
    ledger.vouch((options, made.mark))
    ledger.note_inputs(options.inputs_read)
    with on_machine("writing the run record", options.output):
        made.delivered = _delivered(options.output, earlier, store)
        made.save(options.output)
    return made


def wait(runs: Sequence[Options], report: events.Reporter, command: Sequence[str] = ()) -> None:
    """Record several runs as waiting before the first begins, so that `resume` knows all of them.

    A run that cannot be recorded is skipped: it reports its error when its turn comes.
    """
    for first in range(0, len(runs), _TOGETHER):
        with ExitStack() as held:
            waiting = list[tuple[Options, RunRecord]]()
            for options in runs[first : first + _TOGETHER]:
                with suppress(PipelineError, OSError):
                    waiting.append((options, _waiting(options, report, command, held)))
            ledger.vouch(*((options, made.mark) for options, made in waiting))
            record.save_all({options.output: made for options, made in waiting})


def _waiting(options: Options, report: events.Reporter, command: Sequence[str], held: ExitStack) -> RunRecord:
    """Return the record of a run that waits. Its output folder is created, and stays locked until `held` closes."""
    root = options.store or default_root()
    _refuse_inside(options.output, root)
    _make_folder(options.output)
    held.enter_context(guards.only_one(options.output))
    delivery.refuse_foreign(options.output)
    earlier = _earlier(options, report)
    delivery.refuse_other_model(options, earlier)
    return record.wait(options, root, list(command), earlier)


def _earlier(options: Options, report: events.Reporter) -> RunRecord | None:
    """Return the record of the last run into the output folder; None, and an event, if it cannot be read."""
    return record.previous(options.output, lambda why: report(events.RecordUnreadable(options.name, why)))


def refused(options: Options, error: PipelineError) -> None:
    """Record that a waiting run could not begin because of `error`."""
    with suppress(PipelineError, OSError):
        waiting = record.previous(options.output)
        if waiting and waiting.state == record.WAITING:
            replace(waiting, state="failed", error=error.what).save(options.output)


def resume(
    folder: Path,
    report: events.Reporter,
    *,
    command: Sequence[str] = (),
    adopt: bool = False,
    stop_after: str = "",
    changes: Mapping[str, Any] | None = None,
    trust: bool = False,
    stages: Sequence[Stage] | None = None,
) -> Outcome:
    """Continue the run recorded in an output folder; one that was told to stop after a stage now goes to its end.

    `changes` are options whose recorded values are replaced. What a record says is not enough for a runtime to execute
    code in a model, or to save what it computed: the command line has to ask for that.
    If they are refused, the record of a run that has delivered its networks stays as it was.
    Raises UsageError if the folder holds no run, if its files were edited and `adopt` is false, if another reference
    has other shapes than its networks take, and, without `trust`, if its record uses paths outside the folder that no
    run of this user is known to have used.
    """
    before, changes = record.load(folder), changes or {}
    options = record.to_resume(before, folder, adopt=adopt, stop_after=stop_after)
    options = replace(options, **{"record": None, **changes})
    record.refuse_gone(options, folder)
    _refuse_executing(folder, options, changes)
    if not trust:
        ledger.refuse_unvouched(folder, before.mark, options, changes)
    if "reference" in changes and not adopt:
        reference.refuse_other_shapes(options, folder)
    return run(validate(options), report, command=command, before=before, adopt=adopt, stages=stages)


def _refuse_executing(folder: Path, options: Options, typed: Container[str]) -> None:
    """Raise UsageError if options that were not `typed` name a runtime that executes code in the model."""
    flags = {"runtimes": "--runtime", "require_runtimes": "--require-runtime"}
    recorded = {flag: getattr(options, option) for option, flag in flags.items() if option not in typed}
    words = [word for flag, names in recorded.items() for name in discovery.executing(names) for word in (flag, name)]
    if words:
        raise UsageError(
            f"the record in {folder} asks for {words[1]}, which executes what is in the model",
            why="only a command line may ask for that",
            advice=shlex.join(["torch2caffe2", "verify", str(folder), *words]),
        )


def _refuse_missing_libraries(route: Sequence[Stage]) -> None:
    """Raise MissingLibrary if a library that a stage needs is not installed, before any stage runs."""
    for stage in route:
        for library in stage.libraries:
            if fingerprint.library(library) == fingerprint.ABSENT:
                advice = f"; or do without: --without {stage.name}" if stage.follows else ""
                raise MissingLibrary(library, stage.name, advice)


def _refuse_inside(output: Path, root: Path) -> None:
    """Raise UsageError if the output folder lies in a folder whose files the store removes by itself."""
    place, store = canonical(output), canonical(root)
    if place.is_relative_to(store) and any(place.is_relative_to(store / name) for name in FOLDERS):
        raise UsageError(
            f"{output} lies inside the store",
            where=str(root),
            why="what lies there is swept and collected",
            advice="choose another --output",
        )


def _large_files(options: Options, earlier: RunRecord | None) -> list[Path]:
    """Return the files whose digests the run needs first: the user's input, and what was delivered before."""
    given = [path for path in (options.model, options.weights) if path]
    return given + [options.output / name for name in (earlier.delivered if earlier else ())]


def _entrance(
    options: Options,
    earlier: RunRecord | None,
    resumed: bool,
    adopt: bool,
    stages: Sequence[Stage],
    store: Store,
) -> tuple[tuple[start.Given, ...], sources.Entrance]:
    """Decide what the run starts from; refuse to start where its delivery would undo somebody's edit."""
    source = sources.recognise(options)
    if earlier is not None and adopt:
        with on_machine("reading the output folder", options.output):
            return start.adopt(options.output, earlier, stages, store), source
    if earlier is not None:
        with on_machine("reading the output folder", options.output):
            changed = start.not_adopted(earlier, options.output, store)
            delivery.refuse_overwriting(options.output, changed, changed)
            given = start.from_record(earlier, options.output, store) if resumed else ()
    else:
        given = ()
    return given or start.from_source(source), source


def _delivered(folder: Path, earlier: RunRecord | None, store: Store) -> delivery.Delivered:
    """Return what lies in the output folder from an earlier run, one killed while it delivered included."""
    if earlier is None:
        return {}
    arrived = {
        name: entry for name, entry in earlier.pending.items() if delivery.holds(folder / name, entry, store.digests)
    }
    return {**earlier.delivered, **arrived}
