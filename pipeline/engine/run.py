"""One run in progress: it looks up each stage, runs those that are missing, delivers, and keeps the record."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pipeline
from pipeline.config import Options
from pipeline.engine import delivery, events, fingerprint, guards, record, reference, resolution, sources, start
from pipeline.engine.record import RunRecord, StageRecord
from pipeline.errors import (
    Interrupted,
    InvalidInputError,
    MachineError,
    OverBudget,
    PipelineError,
    UnsupportedError,
    UsageError,
    VerificationError,
    renamed,
    worst,
)
from pipeline.graph.signature import MANIFEST
from pipeline.stages.stage import Stage, Task
from pipeline.store import ledger
from pipeline.store.locking import Lock, Timeout
from pipeline.store.machine import on_machine
from pipeline.store.remote import Remote, RemoteError
from pipeline.store.sessions import Session
from pipeline.store.store import Artifact, Damage, Store
from pipeline.wire.paths import canonical

_REFUSALS = (UsageError, UnsupportedError, OverBudget, InvalidInputError)  # of what the user has asked for
_PROGRESS_SECONDS = 0.1  # between two reports of a stage's progress
_PATIENCE_SECONDS = 0.2  # between two checks whether the user has asked to stop


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `errors` say why it is not done, in the order in which they occurred."""

    record: RunRecord
    output: Path
    seconds: float
    errors: tuple[PipelineError, ...] = ()

    @property
    def exit_code(self) -> int:
        """The exit code of the process: 0, or the worst of the errors."""
        return worst({error.exit_code for error in self.errors})

    @property
    def error(self) -> PipelineError | None:
        """The error that determines the exit code."""
        return next((error for error in self.errors if error.exit_code == self.exit_code), None)


@dataclass(slots=True)
class Run:
    """One run in progress."""

    options: Options
    report: events.Reporter
    store: Store
    session: Session
    record: RunRecord
    route: Sequence[Stage]
    given: tuple[start.Given, ...]
    source: sources.Entrance
    stop: guards.Stop
    idle: Sequence[str] = ()  # notes about options that have no effect
    before: RunRecord | None = None  # of the run that this one resumes
    began: float = field(default_factory=time.monotonic)
    artifacts: list[Artifact] = field(default_factory=list)
    inputs: dict[str, start.Input] = field(default_factory=dict)
    failures: list[PipelineError] = field(default_factory=list)
    known_by: dict[str, str] = field(default_factory=dict)  # the user's path of each file that was taken into the store

    @property
    def model(self) -> str:
        """The model of its events."""
        return self.options.name

    def go(self) -> Outcome:
        """Run every stage, deliver, and record how it ended."""
        names = tuple(stage.name for stage in self.route)
        output = self.options.output
        store = str(self.store.root)
        self.report(events.RunStarted(self.model, self.record.run, str(self.options.model), str(output), names, store))
        for text in self.idle:
            self.report(events.StageNote(self.model, names[0], text))
        try:
            with on_machine("the run", output):
                self._enter()
                self._stages()
                if all(isinstance(failure, VerificationError) for failure in self.failures):
                    self._deliver(finished=True)
                    if self.options.record:
                        reference.record(self.options.record, self.artifacts)
                    self._end("unverified" if self.failures else "done")
                    return self._outcome()
        except PipelineError as error:
            return self._failed("failed", error)
        except KeyboardInterrupt:
            return self._failed("interrupted", Interrupted("interrupted"))
        except BaseException as bug:
            self._failed("failed", PipelineError(f"{type(bug).__name__}: {bug}"))
            raise
        return self._failed("failed")

    def _stages(self) -> None:
        """Run each stage whose inputs are available. If one fails, only stages with nothing left to do are skipped."""
        for stage, entry in zip(self.route, self.record.stages, strict=True):
            self.stop.obey()
            if reasons := self._against(stage):
                entry.state, entry.reasons = "skipped", reasons
                self.report(events.StageSkipped(self.model, stage.name, entry.reasons[0]))
                continue
            began = time.monotonic()
            try:
                with on_machine("the run", self.options.output):
                    artifact = self._obtain(stage, entry)
            except BaseException as error:
                entry.state = "failed"
                error = renamed(error, self.known_by) if isinstance(error, PipelineError) else error
                seconds = round(time.monotonic() - began, 3)
                self.report(events.StageFailed(self.model, stage.name, seconds, str(error)))
                if not isinstance(error, PipelineError) or isinstance(error, MachineError):
                    raise  # a bug, a stop, or a problem that the next stage would have as well
                self.failures.append(error)
                continue
            self._add(artifact)
            if failure := artifact.manifest.get("failure"):
                entry.state = "failed"
                self.report(events.StageFailed(self.model, stage.name, entry.seconds, failure["what"]))
                advice = self._with_paths(failure["advice"], artifact)
                self.failures.append(
                    VerificationError(failure["what"], where=failure["where"], why=failure["why"], advice=advice)
                )

    def _against(self, stage: Stage) -> list[str]:
        """Return why a stage is skipped: it lacks an input, or could only check what the run started from."""
        if missing := stage.lacks(self.inputs):
            return [f"it needs {kind}, which no stage made" for kind in missing]
        made = {entry.makes for entry in self.record.stages if entry.state in ("done", "hit")}
        idle = stage.follows and self.failures and not made.intersection(stage.takes(self.inputs))
        return ["no stage made anything that it could check"] if idle else []

    def _with_paths(self, text: str, artifact: Artifact) -> str:
        """Replace the names of an artifact's files in a text by the paths where they are delivered."""
        for name in artifact.files:
            text = text.replace(name, str(self.options.output / name))
        return text

    def _enter(self) -> None:
        """Take in what the run starts from, and meanwhile import modules that its stages will need."""
        absent = [stage for stage in self.route if not sys.modules.keys() >= set(stage.modules)]
        if not absent:
            self._take_in()
            return
        with ThreadPoolExecutor(1) as beside:
            ready = beside.submit(self._get_ready, absent)
            self._take_in()
            ready.result()

    def _take_in(self) -> None:
        """Digest the user's file, or take the given artifacts into the store."""
        digests = self.store.digests
        self.record.source = {
            "kind": self.source.kind,
            "files": {str(path): digests.of(path) for path in self.source.files.values()},
        }
        taken = [(item, start.take_in(item, self.store, self.session, self._facts())) for item in self.given]
        for item, artifact in taken:
            self.inputs[item.read_as] = start.stored(artifact)
            self.known_by |= {str(artifact.path / name): str(path) for name, path in item.files.items()}
        self.artifacts += [artifact for item, artifact in taken if not item.role]
        if any(item.origin == "edited" for item in self.given):
            self.record.source["given"] = [start.as_json(item, artifact) for item, artifact in taken]
        if not self.given:
            ((path, digest),) = self.record.source["files"].items()
            self.inputs[self.source.kind] = start.users(Path(path), digest)

    def _get_ready(self, stages: Iterable[Stage]) -> None:
        """Import the modules of stages that have never run for this model."""
        for stage in stages:
            if self.store.last(stage.name, resolution.names(self.options)) is None:
                for name in stage.modules:
                    import_module(name)

    def _add(self, artifact: Artifact) -> None:
        self.artifacts.append(artifact)
        self.inputs[artifact.kind] = start.stored(artifact)

    def _obtain(self, stage: Stage, entry: StageRecord) -> Artifact:
        """Return the artifact of a stage: the stored one, or a new one."""
        entry.started = record.now()
        inputs = {kind: self.inputs[kind] for kind in stage.takes(self.inputs)}
        asked = resolution.question(stage, self.options, inputs, self.store)
        entry.key = key = asked.key
        self.session.uses(key)
        with self._locked(stage, key):
            began = time.monotonic()
            before = self.store.last(stage.name, resolution.names(self.options))
            answer = asked.answer(self.store.find(key), before, self.options)
            found = answer.artifact if isinstance(answer, resolution.Hit) else self._fetched(stage, key, answer)
            if found:
                entry.state, artifact = "hit", found
            else:
                entry.state, entry.reasons, began = "running", list(map(str, answer.reasons)), time.monotonic()
                artifact = self._make(stage, inputs, asked.parts, entry)
                entry.state = "done"
        entry.digest, entry.size = artifact.digest, artifact.size
        entry.seconds = round(time.monotonic() - began, 3)
        hit = partial(events.StageHit, fetched=isinstance(answer, resolution.Miss))
        kind = hit if entry.state == "hit" else events.StageFinished
        self.report(kind(self.model, stage.name, key, entry.seconds, entry.size, entry.digest))
        entry.notes = list(artifact.manifest.get("notes", ()))
        for text in entry.notes:
            self.report(events.StageNote(self.model, stage.name, text))
        self.store.remember(stage.name, resolution.names(self.options), asked.told)
        return artifact

    def _fetched(self, stage: Stage, key: str, answer: resolution.Miss) -> Artifact | None:
        """Return an artifact from the remote store; None if it has none, or fails."""
        if damage := answer.damage:
            self.report(events.ArtifactDamaged(self.model, stage.name, key, damage.reason, str(damage.quarantine)))
        remote = Remote(self.options.remote_store)
        if not remote.usable or stage.name in self.options.force:
            return None
        try:
            found = remote.fetch(key, self.store, self.session, self._progress(stage.name))
        except RemoteError as error:
            self.report(events.RemoteFailed(self.model, remote.url, error.why))
            return None
        if isinstance(found, Damage):
            self.report(events.RemoteDamaged(self.model, stage.name, key, remote.url, found.reason))
            return None
        return found

    @contextmanager
    def _locked(self, stage: Stage, key: str) -> Iterator[None]:
        lock = self.store.lock(key)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            self.report(events.StageWaiting(self.model, stage.name, key))
            self._wait(lock)
        try:
            yield
        finally:
            lock.release()

    def _wait(self, lock: Lock) -> None:
        """Wait for a lock. A request to stop is obeyed at once, since no stage is running."""
        while True:
            self.stop.obey()
            with suppress(Timeout):
                lock.acquire(timeout=_PATIENCE_SECONDS)
                return

    def _make(
        self,
        stage: Stage,
        inputs: Mapping[str, start.Input],
        parts: fingerprint.Components,
        entry: StageRecord,
    ) -> Artifact:
        self.report(events.StageStarted(self.model, stage.name, entry.key, tuple(entry.reasons)))
        folder = self.session.temporary(stage.name)
        chosen = {name: getattr(self.options, name) for name in stage.options}
        paths = {kind: item.path for kind, item in inputs.items()}
        began, clock, failure, known = record.now(), time.monotonic(), None, None
        notes: list[str] = []
        with on_machine(f"{stage.name}: writing its files", folder), guards.keeps_everything():
            try:
                known = stage.run(Task(paths, chosen, folder, self._progress(stage.name), notes.append))
            except VerificationError as error:
                failure = {n: getattr(error, n) for n in ("what", "where", "why", "advice")}
            except PipelineError:
                self._refuse_moved_inputs(inputs)  # which may have caused the error
                raise
        self._refuse_moved_inputs(inputs)
        facts = self._facts() | {
            "kind": stage.makes,
            "key": entry.key,
            "stage": stage.name,
            "origin": "made",
            "components": parts,
            "parents": {kind: item.key or item.digest for kind, item in inputs.items()},
            "started": began,
            "seconds": round(time.monotonic() - clock, 3),
            "notes": notes,
        }
        return self.store.publish(folder, facts | ({"failure": failure} if failure else {}), known or {})

    def _facts(self) -> dict[str, Any]:
        return {
            "versions": {"torch2caffe2": pipeline.__version__, "python": platform.python_version()},
            "run": self.record.run,
            "source": self.record.source,
            "options": self.record.options,
            "command": self.record.command,
        }

    def _refuse_moved_inputs(self, inputs: Mapping[str, start.Input]) -> None:
        """Raise MachineError or InvalidInputError if an input changed while the stage was running."""
        for item in inputs.values():
            for name, digest in item.files.items():
                path = item.path / name if item.key else item.path
                if self.store.digests.of(path) != digest:
                    kind = MachineError if item.key else InvalidInputError
                    raise kind(f"{path} changed while it was read", where=str(path), advice="run again")

    def _progress(self, stage: str) -> Callable[[int, int, str], None]:
        last = 0.0

        def tell(done: int, total: int, unit: str) -> None:
            nonlocal last
            now = time.monotonic()
            if done >= total or now - last >= _PROGRESS_SECONDS:
                last = now
                self.report(events.StageProgress(self.model, stage, done, total, unit))

        return tell

    def _deliver(self, finished: bool) -> None:
        output, before, digests = self.options.output, self.record.delivered, self.store.digests
        found = delivery.prepare(output, self.artifacts, before, digests, self._tells_inputs())
        self.record.pending = found.claimed
        removed = delivery.deliver(
            found,
            digests,
            record=self.record.write,
            finished=finished,
            report=lambda name, size, how: self.report(events.FileDelivered(self.model, name, size, how)),
        )
        if removed:
            self.report(events.FilesRemoved(self.model, removed))
        self.record.delivered, self.record.pending = self.record.pending, {}

    def _tells_inputs(self) -> Callable[[Path], bool]:
        """Return a function that says whether a file is an input of this run or an earlier one."""
        read = self.options.inputs_read
        return lambda path: (place := canonical(path)) in read or ledger.is_input(place)

    def _end(self, state: str) -> None:
        """Record how the run ended. One that was refused leaves the record of the run before."""
        self.record.state, self.record.finished = state, record.now()
        kept = self.before if self._was_refused() else None
        (kept or self.record).save(self.options.output)

    def _was_refused(self) -> bool:
        """Return whether the run was refused, and the networks of the run before lie in the folder as it left them."""
        before = self.before
        intact = before and before.state in record.CONVERTED and before.delivered == self.record.delivered
        return bool(self.failures and intact) and all(isinstance(error, _REFUSALS) for error in self.failures)

    def _failed(self, state: str, *errors: PipelineError) -> Outcome:
        """Record a failure. Deliver the artifacts that are finished, unless the folder holds an older result."""
        self.failures += errors
        at_once, self.stop.over = self.stop.over, state == "interrupted"
        with suppress(PipelineError, OSError):
            fresh = not (self.options.output / MANIFEST).exists()
            if fresh and not at_once and not any(isinstance(e, MachineError | UsageError) for e in self.failures):
                self._deliver(finished=False)
        self.record.error = "; ".join(error.what for error in self.failures)
        with suppress(OSError):
            self._end(state)
        return self._outcome()

    def _outcome(self) -> Outcome:
        seconds = time.monotonic() - self.began
        outcome = Outcome(self.record, self.options.output, seconds, tuple(self.failures))
        state = self.record.state
        self.report(events.RunFinished(self.model, state, outcome.exit_code, seconds, os.fspath(outcome.output)))
        return outcome
