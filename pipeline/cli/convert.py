"""`torch2caffe2 convert`."""

from __future__ import annotations

import sys
from typing import Any

import typer

from pipeline.cli.options import Config, Json, Progress, Quiet, Verbose, takes_conversion_options


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(convert)


@takes_conversion_options
def convert(
    typed: dict[str, Any],
    config: Config = None,
    progress: Progress = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> int:
    """Convert networks to Caffe and Caffe2, or to other formats.

    Without a MODEL, all networks in the configuration file are converted.

    torch2caffe2 convert model.t7 --input 1x3x224x224 --output out
    """
    from pipeline.cli.output import (
        asked_models,
        finish,
        print_optimizations,
        print_verification,
        reporting,
        tell_reports,
        typed_command,
    )
    from pipeline.engine import batch

    runs, left_out = asked_models(config, typed, quiet=quiet)
    with reporting(progress, quiet, verbose, many=len(runs) > 1) as report:
        results = batch.convert_all(runs, report, typed_command())
    if len(results) == 1 and results[0].converted and not quiet:
        if verbose:
            print_optimizations(results[0], sys.stderr)
        print_verification(results[0], stream=sys.stderr)
    code = finish(results, len(runs), json, verbose, left_out=left_out)
    tell_reports(batch.write_pages(results), quiet)
    return code
