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
    """Write a page about a run that needs nothing else: stages, network, parity, weights, how to reproduce.

    Of a folder that holds several: a page for each, and one over all, a table that can be sorted. Beside each page
    lies its JSON.

    torch2caffe2 report out
    """
    from pipeline.cli.talk import print_json, print_place
    from pipeline.engine import page, record
    from pipeline.report.data import as_json

    folders = record.folders(folder)
    if json:
        print_json(as_json([page.gather(each) for each in folders]))
    elif len(folders) > 1:
        print_place(page.write_all(output or folder / page.NAME, {each: each / page.NAME for each in folders}))
    else:
        print_place(page.write(folders[0], output))
    return 0
