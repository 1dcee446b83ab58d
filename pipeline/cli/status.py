"""`torch2caffe2 status`."""

from __future__ import annotations

import typer

from pipeline.cli.options import Folder, Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(folder: Folder, json: Json = False) -> int:
    """Show how the run of an output folder stands: stages, states, times, digests, edits, and what is left to do.

    Of a folder that holds several: a line for each.

    torch2caffe2 status out
    """
    from pipeline.cli.talk import print_json, print_table
    from pipeline.engine import record
    from pipeline.engine.status import look
    from pipeline.visible import visible

    several = [look(each) for each in record.folders(folder)]
    found = several[0]
    if json:
        print_json({"models": [each.as_json() for each in several]})
    elif len(several) > 1:
        print_table(("model", "state", "left to do", "output", "cause"), [each.line() for each in several])
    else:
        print_table(("", ""), found.rows())
        if found.obstacle:
            obstacle = visible(found.obstacle, keep="\n")
            print(f"\n{visible(found.command)} would fail: {obstacle}")
        elif rows := found.plan_rows():
            print(f"\n{visible(found.command)} would do:")
            print_table(("stage", "state", "why"), rows)
    return 0
