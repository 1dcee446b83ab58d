"""One of several conversions, which may run in another process, and its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.config import Options
from pipeline.engine import events, planner, record, runner
from pipeline.engine.attempt import bug_met
from pipeline.errors import PipelineError, as_data, render
from pipeline.stages.stage import Stage
from pipeline.store.machine import on_machine


@dataclass(frozen=True, slots=True)
class ModelResult:
    """How one conversion ended, as plain values that can be sent between processes."""

    model: str
    output: str
    state: str
    exit_code: int
    seconds: float
    error: str = ""
    errors: tuple[dict[str, Any], ...] = ()  # the same as JSON values
    trace: str = ""  # the traceback of the error
    recorded: bool = False  # whether there is a run.json to resume from
    run: dict[str, Any] = field(default_factory=dict)

    @property
    def converted(self) -> bool:
        """Return whether the networks were delivered, verified or not."""
        return self.state in record.CONVERTED

    def delivered(self, kind: str) -> bool:
        """Return whether the output folder holds the files of an artifact of this kind."""
        return self.converted and any(stage["makes"] == kind and stage["digest"] for stage in self.run["stages"])

    @property
    def cause(self) -> str:
        """Return in one line why the conversion failed."""
        return "; ".join(" at ".join(filter(None, (error["what"], error["where"]))) for error in self.errors)


def _unknown() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Job:
    """One conversion to start or resume: `go` runs it, in whichever process it is called."""

    name: str
    output: Path
    go: Callable[[events.Reporter], runner.Outcome]
    refused: Callable[[PipelineError], None] | None = None  # called if it could not begin
    reads: tuple[Path, ...] = ()  # the user's files that it reads
    cached: Callable[[], bool] = _unknown  # whether nothing has to be made or delivered
    without: tuple[str, ...] = ()  # stages that it leaves out

    def result(self, report: events.Reporter) -> ModelResult:
        """Run the conversion and return its result, also if it fails. Bugs are raised."""
        try:
            with on_machine("the conversion", self.output):
                outcome = self.go(report)
        except PipelineError as error:
            if self.refused:
                self.refused(error)
            return self.failed(error)
        return result_of(outcome)

    def ended(self, report: events.Reporter) -> ModelResult:
        """Run the conversion as one of several: even a bug becomes a result and does not stop the others."""
        try:
            return self.result(report)
        except Exception as bug:
            return replace(self.failed(bug_met(bug)), trace=_trace(bug))

    def failed(self, error: PipelineError) -> ModelResult:
        """Return the result of a conversion that could not begin because of `error`."""
        told, trace = (as_data(error),), _trace(error)
        return ModelResult(self.name, str(self.output), "failed", error.exit_code, 0.0, render(error), told, trace)


def new_job(options: Options, command: Sequence[str] = (), stages: Sequence[Stage] | None = None) -> Job:
    """Return the job of a conversion with these options."""
    go = partial(runner.run, options, command=tuple(command), stages=stages)
    cached = partial(planner.cached, options.output, options, stages)
    refused = partial(runner.refused, options)
    return Job(options.name, options.output, go, refused, options.inputs_read, cached, options.left_out)


def resumed_job(folder: Path, **how: Any) -> Job:  # noqa: ANN401 - what `runner.resume` takes
    """Return the job that resumes the conversion in `folder`; `how` is passed to `runner.resume`."""
    go = partial(runner.resume, folder, **how)
    changed = any(how.get(name) for name in ("adopt", "stop_after", "changes"))
    return Job(folder.name, folder, go, cached=_unknown if changed else partial(planner.cached, folder))


def result_of(outcome: runner.Outcome) -> ModelResult:
    """Return an outcome as plain values; an error that several stages report is listed once."""
    told = {render(error): as_data(error) for error in outcome.errors}
    return ModelResult(
        model=outcome.record.options["name"],
        output=str(outcome.output),
        state=outcome.record.state,
        exit_code=outcome.exit_code,
        seconds=round(outcome.seconds, 3),
        error="\n".join(told),
        errors=tuple(told.values()),
        trace="".join(map(_trace, outcome.errors)),
        recorded=(outcome.output / record.RECORD).exists(),
        run=record.as_json(outcome.record),
    )


def _trace(error: BaseException) -> str:
    import traceback

    return "".join(traceback.format_exception(error))
