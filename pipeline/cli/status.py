"""`torch2caffe2 status`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import Config, Json

if TYPE_CHECKING:
    from pipeline.engine.status import Status

Folders = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[DIR]...", help="The output folder of a run, or a folder with several."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(folders: Folders = None, config: Config = None, json: Json = False) -> int:
    """Show the state of a run, and what is left to do.

    The stages are listed with their times, keys and digests, and so are edited files.

    For several runs, listed in --config or in a folder, show a line for each and the number in each state, also while
    they run.

    torch2caffe2 status out
    """
    from pipeline import config as configuration
    from pipeline.cli.output import print_faults, print_json, print_table
    from pipeline.engine import record
    from pipeline.engine.status import each, look, totals
    from pipeline.errors import UsageError
    from pipeline.visible import visible

    places = [place for folder in folders or () for place in record.folders(folder)]
    wanted = configuration.load(config, {}) if config else ()
    if not places and not wanted:
        raise UsageError("no run was named", advice="torch2caffe2 status DIR, or --config FILE")
    if len(places) + len(wanted) == 1:
        return _of_one(look(places[0] if places else wanted[0].output), json)
    several, faults = each(places, wanted)
    counts = totals(several)
    if json:
        print_json({"models": [e.as_json() for e in several], "totals": counts})
    else:
        print_table(("model", "state", "stage", "time", "worker", "output", "cause"), [e.line() for e in several])
        told = ", ".join(f"{count:,} {state}" for state, count in counts.items())
        print(visible(f"{len(several):,} models: {told}"))
    return print_faults(faults)


def _of_one(found: Status, json: bool) -> int:
    from pipeline.cli.output import print_json, print_table
    from pipeline.engine.status import totals
    from pipeline.visible import visible

    if json:
        print_json({"models": [found.as_json()], "totals": totals([found])})
        return 0
    print_table(("", ""), found.rows())
    if found.obstacle:
        obstacle = visible(found.obstacle, keep="\n")
        print(f"\n{visible(found.command)} would fail: {obstacle}")
    elif rows := found.plan_rows():
        print(f"\n{visible(found.command)} would do:")
        print_table(("stage", "state", "why"), rows)
    return 0
