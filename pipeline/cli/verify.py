"""`torch2caffe2 verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import Folder, Json, NamedStore, Plugins, Progress, Quiet, Report, Trust, Verbose, typed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    folder: Folder,
    reference: Annotated[
        Path | None, typer.Option("--reference", metavar="FILE", help="Inputs and outputs of the original.")
    ] = None,
    runtimes: Annotated[
        list[str] | None, typer.Option("--runtime", metavar="NAME", help="With this runtime only.")
    ] = None,
    require_runtimes: Annotated[
        list[str] | None,
        typer.Option("--require-runtime", metavar="NAME", help="Fail unless this runtime has run the files."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Of the random inputs.")] = None,
    tolerance: Annotated[float | None, typer.Option("--tolerance", metavar="X", help="Largest error.")] = None,
    store: NamedStore = None,
    plugins: Plugins = None,
    report_file: Report = None,
    trust: Trust = False,
    progress: Progress = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> int:
    """Verify a finished conversion again: against other inputs, or by other runtimes."""
    from pipeline.cli.talk import finish, print_verification, reporting, tell_reports, typed_command
    from pipeline.engine import batch, page, runner

    changes = typed(
        reference=reference,
        runtimes=runtimes,
        require_runtimes=require_runtimes,
        seed=seed,
        tolerance=tolerance,
        store=store,
        plugins=plugins,
        report=report_file,
    )
    with reporting(progress, quiet, verbose, many=False) as report:
        outcome = runner.resume(
            folder, report, command=typed_command(), changes={"verify": True, **changes}, trust=trust
        )
    result = batch.result_of(outcome)
    if result.converted:
        print_verification(folder, json)
    code = finish([result], json, verbose, data_too=False)
    tell_reports(page.write_asked([folder] if result.state != "interrupted" else []), quiet)
    return code
