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
    from pipeline.cli.talk import print_faults, print_json, print_place
    from pipeline.engine import page, record
    from pipeline.engine.status import each
    from pipeline.report.data import as_json

    folders = record.folders(folder)
    if len(folders) == 1 and not json:
        print_place(page.write(folders[0], output))
        return 0
    found, faults = each(folders) if len(folders) > 1 else ([], [])
    readable = [standing.folder for standing in found] or folders
    if json:
        print_json(as_json([page.gather(place) for place in readable]))
    else:
        print_place(page.write_all(output or folder / page.NAME, {place: place / page.NAME for place in readable}))
    return print_faults(faults)
