"""Starts conversions, resumes and verifies them, and looks ahead with plan and scan."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, Unpack

from pipeline import config, formats
from pipeline.engine import events
from pipeline.errors import render
from torch2caffe2.model import Model, open
from torch2caffe2.settings import Inputs, Path, Settings, as_options, given

if TYPE_CHECKING:
    from pipeline.engine.planner import StagePlan
    from pipeline.engine.record import RunRecord
    from pipeline.engine.runner import Outcome
    from pipeline.engine.scan import Scan

Progress = Callable[[events.Event], None]


@dataclass(frozen=True, slots=True)
class Conversion:
    """The result in the output folder of a run. A notebook displays its verification, or else its files.

    `record` is the run as recorded in `run.json`: its state, its stages with times and reasons, the digests of the
    files. `verification` is verification.json; None if the numbers were not compared.
    """

    output: File
    record: RunRecord
    verification: Mapping[str, Any] | None

    @classmethod
    def at(cls, output: Path) -> Conversion:
        """Return the conversion in an output folder. Raises UsageError if there is none."""
        from pipeline.engine import record
        from pipeline.store.machine import on_machine
        from pipeline.verification import shown

        with on_machine("reading the output folder", File()):
            folder = _folder(output)
            return cls(folder, record.load(folder), shown.read(folder))

    @property
    def files(self) -> dict[str, File]:
        """The files that were made, by name."""
        return {name: self.output / name for name in self.record.delivered}

    @property
    def evidence(self) -> tuple[Mapping[str, Any], ...]:
        """What confirms each step: its `state` ("judged", "differs", "itself", "not judged"), `by` whom, `why` not."""
        return tuple(self.verification.get("evidence", ())) if self.verification else ()

    def open(self, format: str = "") -> Model:
        """Return the network in a format: "caffe", "caffe2", "graph" or "onnx". Raises as `torch2caffe2.open`."""
        return open(self.output, format=format)

    def _repr_html_(self) -> str:
        from pipeline.inspection.table import TextTable
        from pipeline.verification import shown

        if not self.verification:
            rows = tuple((name, path.stat().st_size) for name, path in self.files.items() if path.is_file())
            return TextTable(f"{self.output} ({self.record.state})", ("file", "bytes"), rows).html()
        checks = TextTable(str(self.output), shown.COLUMNS, tuple(shown.rows(self.verification)))
        steps = TextTable("", ("", "", ""), tuple(shown.steps(self.verification)), (shown.terms(self.verification),))
        return checks.html() + steps.html()


def convert(
    model: Model | Path,
    *,
    to: str | Sequence[str] = (),
    inputs: Inputs = (),
    output: Path | None = None,
    progress: Progress = events.unheard,
    **settings: Unpack[Settings],
) -> Conversion:
    """Convert a network to the formats `to` ("caffe" and "caffe2" by default), and verify the numbers.

    The files are written to the folder `output`, by default <name>.converted. Results of earlier runs are taken from
    the store. `progress` is called with events (`pipeline.engine.events`), sometimes from another thread.

    Raises PipelineError: VerificationError if numbers differ (`Conversion.at(output)` still returns the files);
    UnsupportedError with everything that has no exact counterpart; Interrupted after Ctrl-C. Of several errors the most
    serious is raised, with the others as notes.
    """
    from pipeline.engine import runner
    from pipeline.engine.uploads import uploading
    from pipeline.store.machine import on_machine

    options = _options(model, to=to, inputs=inputs, output=output, **settings)
    with on_machine("the conversion", options.output), uploading(options.remote_store, progress) as report:
        return _ended(runner.run(options, report))


def resume(
    output: Conversion | Path,
    *,
    adopt: bool = False,
    trust: bool = False,
    progress: Progress = events.unheard,
    **settings: Unpack[Settings],
) -> Conversion:
    """Resume the run of an output folder. With `adopt`, continue from files that were edited there.

    `settings` replace recorded options. Raises as `convert`, and UsageError if the record in the folder names a store,
    plugins, limits or a report that neither `settings` nor an earlier run of this user named; `trust` accepts them.
    """
    from pipeline.engine import runner
    from pipeline.engine.uploads import uploading
    from pipeline.store.machine import on_machine

    with on_machine("the conversion", File()):
        folder = output.output if isinstance(output, Conversion) else _folder(output)
        changes = config.checked(as_options(settings))
    last = changes.pop("stop_after", "")
    with on_machine("the conversion", folder), uploading(changes.get("remote_store", ""), progress) as report:
        return _ended(runner.resume(folder, report, adopt=adopt, stop_after=last, changes=changes, trust=trust))


def verify(
    output: Conversion | Path, *, trust: bool = False, progress: Progress = events.unheard, **settings: Unpack[Settings]
) -> Conversion:
    """Verify a finished conversion again: with another `reference`, `seed`, `tolerance` or `runtimes`.

    Raises as `resume`; VerificationError if numbers differ.
    """
    return resume(output, trust=trust, progress=progress, **settings | {"verify": True})


def plan(
    model: Model | Path,
    *,
    to: str | Sequence[str] = (),
    inputs: Inputs = (),
    output: Path | None = None,
    **settings: Unpack[Settings],
) -> tuple[StagePlan, ...]:
    """Return for each stage of a `convert` whether it would run ("run", "follows") or is in the store ("hit"), and why.

    "fetch" means that the remote store has it. Nothing is made. Raises UsageError for invalid arguments.
    """
    from pipeline.engine import planner
    from pipeline.store.machine import on_machine

    options = _options(model, to=to, inputs=inputs, output=output, **settings)
    with on_machine("planning", options.output):
        return planner.plan(options)


def scan(
    model: Model | Path, *, to: str | Sequence[str] = (), inputs: Inputs = (), **settings: Unpack[Settings]
) -> Scan:
    """Return everything for which `convert` would be refused, in `.problems`, without converting.

    Errors other than UnsupportedError are raised, as by `convert`.
    """
    from pipeline.engine.scan import scan as look

    return look(_options(model, to=to, inputs=inputs, **settings))


def _options(model: Model | Path, **asked: Any) -> config.Options:  # noqa: ANN401 - settings
    """Return the options of a call. For an opened model, they include those that it was opened with."""
    from pipeline.store.machine import on_machine

    known: dict[str, Any] = {"model": model} if model is not None else {}
    if isinstance(model, Model):
        _, source = formats.locate(model.location)
        beside = [path for path in source.files.values() if path != source.path]
        known = {"model": source.path, "weights": next(iter(beside), None), "limits": model.limits}
        known |= {name: getattr(model.location, name) for name in ("inputs", "root", "plugins")}
        known = {name: value for name, value in known.items() if value}
    with on_machine("the conversion", File()):
        return config.of_call(as_options(known | given(asked)))


def _folder(output: Path) -> File:
    """Return the absolute path of an output folder. Raises UsageError if it is no path."""
    return File(config.checked({"output": output})["output"])


def _ended(outcome: Outcome) -> Conversion:
    """Return the conversion of a finished run, or raise its error."""
    from pipeline.engine import batch, job

    batch.write_pages([job.result_of(outcome)])
    if error := outcome.error:
        for other in outcome.errors:
            if other is not error:
                error.add_note(render(other))
        raise error
    return Conversion.at(os.fspath(outcome.output))
