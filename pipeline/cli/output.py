"""Prints for all commands: results on stdout, messages on stderr."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import IO, TYPE_CHECKING, Any

from pipeline.cli.columns import Cell, lines, terminal_width
from pipeline.engine import events
from pipeline.engine.job import ModelResult
from pipeline.errors import Interrupted, MachineError, PipelineError, UsageError, render, worst
from pipeline.visible import visible

if TYPE_CHECKING:
    from pipeline.config import Options
    from pipeline.engine.batch import Look
    from pipeline.formats import Candidate
    from pipeline.inspection.table import TextTable
    from pipeline.runtimes.doctor import Finding

RESUMABLE = (MachineError.exit_code, Interrupted.exit_code)  # repeating the command may succeed
_PATIENCE_SECONDS = 2.0  # of a user, with a command that says nothing
KINDS = ("auto", "rich", "plain", "json", "none")


@contextmanager
def reporting(kind: str, quiet: bool, verbosity: int, many: bool) -> Iterator[events.Reporter]:
    """Yield the reporter that fits the terminal and the flags. Raises UsageError for an unknown kind."""
    from pipeline.engine import reporters

    if kind not in KINDS:
        raise UsageError(f"--progress cannot be {kind}", advice="one of: " + ", ".join(KINDS))
    if kind == "auto":
        lively = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not verbosity
        kind = "none" if quiet else "rich" if lively else "plain"
    if kind == "rich":
        from pipeline.engine.live import Rich

        with Rich(sys.stderr, many, color="NO_COLOR" not in os.environ) as rich:
            yield rich
    elif kind == "plain":
        yield reporters.Plain(sys.stderr, many, verbosity)
    elif kind == "json":
        yield reporters.JsonLines(sys.stderr)
    else:
        yield events.unheard


def typed_command() -> tuple[str, ...]:
    """Return the command line for the records, without the path where the program is installed."""
    return ("torch2caffe2", *sys.argv[1:])


def tell(text: str) -> None:
    """Print a message of one line on stderr."""
    print(visible(text), file=sys.stderr)


def print_faults(faults: Sequence[PipelineError]) -> int:
    """Print why some of several runs cannot be shown, and return the worst exit code; 0 if there are none."""
    for fault in faults:
        print(render(fault), file=sys.stderr)
    return worst([fault.exit_code for fault in faults])


def print_failures(looks: Sequence[Look[Any]]) -> int:
    """Print, to stderr, which of several models could not be looked at and why; give the worst exit code, or 0."""
    failed = [(look.model, look.error) for look in looks if look.error]
    for model, error in failed:
        print(f"{visible(model)}: {render(error)}", file=sys.stderr)
    return worst([error.exit_code for _, error in failed])


def asked_models(
    config: Path | None, typed: Mapping[str, Any], *, quiet: bool = False
) -> tuple[Sequence[Options], Sequence[Candidate]]:
    """Return the options of every model that is asked for, and the networks of folders that lack something.

    Unless `quiet`, print the latter to stderr, and a line if the search takes long. Raises as `config.load`.
    """
    from pipeline import config as configuration

    left_out: list[Candidate] = []
    patience = Timer(_PATIENCE_SECONDS, tell, ["looking for networks in folders; Ctrl-C stops"])
    patience.daemon = True
    if not quiet:
        patience.start()
    try:
        runs = configuration.load(config, typed, leave_out=left_out.append)
    finally:
        patience.cancel()
    rows = [("left out:", f"{each.path}: {each.lacks}") for each in left_out]
    print_table(("", ""), [] if quiet else rows, sys.stderr)
    return runs, left_out


def print_place(place: Path) -> None:
    """Print a path: its exact bytes for programs, and its visible form in a terminal."""
    print(visible(str(place)) if sys.stdout.isatty() else place)


def print_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print a JSON value."""
    print(json.dumps(value, indent=2))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], stream: IO[str] | None = None) -> None:
    """Print a table with aligned columns, wrapped to the width of the terminal."""
    stream = stream or sys.stdout
    for line in lines(columns, rows, terminal_width(stream)):
        print(line, file=stream)


def show(table: TextTable) -> None:
    """Print a table with its title and remarks."""
    depths = table.depths or (0,) * len(table.rows)
    rows = [("  " * depth + str(row[0]), *row[1:]) for depth, row in zip(depths, table.rows, strict=True)]
    print_table(("",), [(table.title,)])
    print_table(table.columns, rows)
    print_table(("",), [(remark,) for remark in table.remarks])


def print_findings(findings: Sequence[Finding]) -> None:
    """Print what is installed, and how to get what is missing."""
    rows = [(f.topic, f.what, "found" if f.found else "missing", f.detail, f.advice) for f in findings]
    print_table(("topic", "what", "state", "detail", "what to do"), rows)


def _verification(result: ModelResult) -> dict[str, Any] | None:
    """Return the verification of a run; None if it made none, even if there is a file of that name in its folder."""
    from pipeline.verification import shown

    return shown.read(Path(result.output)) if result.delivered("verification") else None


def print_verification(result: ModelResult, stream: IO[str] | None = None) -> None:
    """Print the verification of a run: what each runtime checked, and the differences."""
    from pipeline.verification import shown

    if found := _verification(result):
        print_table(shown.COLUMNS, shown.rows(found), stream)
        print_table(("", "", ""), shown.steps(found), stream)
        print_table(("",), [(shown.terms(found),)], stream)


def print_optimizations(result: ModelResult, stream: IO[str] | None = None) -> None:
    """Print what each optimization pass changed, if any was requested."""
    path = Path(result.output) / "optimizations.json"
    if not (result.delivered("caffe2") and result.run["options"]["optimize"] and path.is_file()):
        return
    changes = json.loads(path.read_text(encoding="utf-8"))
    rows = [(change["by"], change["origin"], change["operator"], change["what"]) for change in changes]
    if rows:
        print_table(("pass", "layer", "operator", "change"), rows, stream)


def go_on(
    folder: Path,
    how: Mapping[str, Any],
    *,
    progress: str,
    json: bool,
    quiet: bool,
    verbose: int,
    checks: bool = False,
) -> int:
    """Resume the run of an output folder, or all runs in it, and return the worst exit code.

    `how` holds the arguments of `runner.resume`. With `checks`, the verification is printed as the result.
    """
    from pipeline.engine import batch, record
    from pipeline.engine.executors.choice import chosen
    from pipeline.engine.job import resumed_job
    from pipeline.engine.uploads import uploading

    folders = record.folders(folder)
    if len(folders) > 1 and (lone := {"model", "weights"}.intersection(how["changes"])):
        options = " and ".join(f"--{name}" for name in sorted(lone))
        raise UsageError(f"{options} belong to one run", why=f"{folder} holds {len(folders)}", advice="name its folder")
    jobs = [resumed_job(each, command=typed_command(), **how) for each in folders]
    readable = next(filter(None, map(record.previous, folders)), None)
    executor = chosen(replace(readable.asked(), scheduler="")) if readable else None  # no record may have us connect
    remote_store = how["changes"].get("remote_store", "")
    with (
        reporting(progress, quiet, verbose, many=len(jobs) > 1) as shown,
        uploading(remote_store, shown) as report,
    ):
        results = batch.do_all(jobs, report, executor)
    is_data = checks and len(folders) == 1 and not json
    for result in results if len(folders) == 1 else ():
        if result.converted and (is_data or not quiet):
            print_verification(result, sys.stdout if is_data else sys.stderr)
    code = finish(results, len(jobs), json, verbose, data_too=not is_data)
    tell_reports(batch.write_pages(results), quiet)
    return code


def finish(
    results: Sequence[ModelResult],
    of: int,
    as_json: bool,
    verbosity: int = 0,
    *,
    data_too: bool = True,
    left_out: Sequence[Candidate] = (),
) -> int:
    """Print how conversions ended, errors on stderr and (if `data_too`) results on stdout; return the worst exit code.

    `of` is the number of conversions that were requested; there may be fewer results. `left_out` is told in JSON.
    """
    for result in results:
        if result.trace and verbosity > 1:
            print(visible(result.trace, keep="\n"), file=sys.stderr)
        if result.error:
            prefix = f"{visible(result.model)}: " if of > 1 else ""
            print(f"{prefix}{result.error}", file=sys.stderr)
    codes = {result.exit_code for result in results}
    if len(results) < of and Interrupted.exit_code not in codes:  # interrupted between two models
        print("error: interrupted", file=sys.stderr)
        codes.add(Interrupted.exit_code)
    for folder in _resumable(results, of):
        tell(f"resume with: {shlex.join(['torch2caffe2', 'resume', str(folder)])}")
    code = worst(codes)
    if not data_too:
        return code
    if as_json:
        told = {"models": [data(result) for result in results], "left_out": [each.as_json() for each in left_out]}
        print_json({"exit_code": code, **told})
    elif of > 1:
        rows = [(r.model, r.state, r.exit_code, f"{r.seconds:.1f} s", r.output, r.cause) for r in results]
        print_table(("model", "state", "exit", "time", "output", "cause"), rows)
    else:
        for result in results:
            if result.converted:
                print_place(Path(result.output))
    return code


def _resumable(results: Sequence[ModelResult], of: int) -> Sequence[Path]:
    """Return the output folders of runs that can be resumed; if several are in one folder, that folder."""
    recorded = [result for result in results if result.recorded]
    found = [Path(result.output) for result in recorded if result.exit_code in RESUMABLE]
    over = {Path(result.output).parent for result in recorded} if len(results) < of else {each.parent for each in found}
    return tuple(over) if of > 1 and len(over) == 1 else found


def tell_reports(written: Sequence[Path], quiet: bool) -> None:
    """Print where reports were written."""
    for path in written if not quiet else ():
        tell(f"report: {path}")


def data(result: ModelResult) -> dict[str, Any]:
    """Return a result as JSON values, with its verification if there is one."""
    told = {name: getattr(result, name) for name in ("model", "output", "state", "exit_code", "seconds", "errors")}
    return {**told, "run": result.run or None, "verification": _verification(result)}
