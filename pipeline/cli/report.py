"""`torch2caffe2 report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import Folder, Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report)


def report(
    folder: Folder,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Where to; report.html in DIR.")
    ] = None,
    json: Json = False,
) -> int:
    """Write a page about a run that needs nothing else: stages, network, parity, weights, how to reproduce."""
    from pipeline.cli.talk import print_json
    from pipeline.engine import page
    from pipeline.report.data import as_json

    if json:
        print_json(as_json(page.gather(folder)))
        return 0
    print(page.write(folder, output))
    return 0
