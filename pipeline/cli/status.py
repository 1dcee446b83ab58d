"""`torch2caffe2 status`."""

from __future__ import annotations

import typer

from pipeline.cli.options import Folder, Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(folder: Folder, json: Json = False) -> int:
    """Show how the run of an output folder stands: stages, states, times, digests, edits, and what is left to do."""
    from pipeline.cli.talk import print_json, print_table
    from pipeline.engine.status import look
    from pipeline.visible import visible

    found = look(folder)
    if json:
        print_json(found.as_json())
        return 0
    print_table(("", ""), found.rows())
    if found.obstacle:
        print(f"\n{visible(found.command)} would fail: {visible(found.obstacle)}")
    elif rows := found.plan_rows():
        print(f"\n{visible(found.command)} would do:")
        print_table(("stage", "state", "why"), rows)
    return 0
