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
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The page; report.html in DIR by default.")
    ] = None,
    json: Json = False,
) -> int:
    """Write a self-contained page about a run.

    It shows the stages, the network, the verification, the weights, and how to reproduce them.

    For a folder with several runs, write a page for each, and one with a sortable table of all. The data of each page
    is written beside it as JSON.

    torch2caffe2 report out
    """
    from pipeline.cli.output import print_faults, print_json, print_place
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
