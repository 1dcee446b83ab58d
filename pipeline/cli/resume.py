"""`torch2caffe2 resume`."""

from __future__ import annotations

import sys

import typer

from pipeline.cli.options import (
    Adopt,
    Folder,
    Json,
    NamedStore,
    Plugins,
    Progress,
    Quiet,
    Report,
    StopAfter,
    Trust,
    Verbose,
    typed,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(resume)


def resume(
    folder: Folder,
    adopt: Adopt = False,
    stop_after: StopAfter = "",
    store: NamedStore = None,
    plugins: Plugins = None,
    report_file: Report = None,
    trust: Trust = False,
    progress: Progress = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> int:
    """Continue a failed, killed or stopped run, or go on from files edited in its folder."""
    from pipeline.cli.talk import finish, print_verification, reporting, tell_reports, typed_command
    from pipeline.engine import batch, page, runner

    with reporting(progress, quiet, verbose, many=False) as report:
        outcome = runner.resume(
            folder,
            report,
            command=typed_command(),
            adopt=adopt,
            stop_after=stop_after,
            changes=typed(store=store, plugins=plugins, report=report_file),
            trust=trust,
        )
    result = batch.result_of(outcome)
    if result.converted and not quiet:
        print_verification(folder, stream=sys.stderr)
    code = finish([result], json, verbose)
    tell_reports(page.write_asked([folder] if result.state != "interrupted" else []), quiet)
    return code
