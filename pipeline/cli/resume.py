"""`torch2caffe2 resume`."""

from __future__ import annotations

from typing import Any

import typer

from pipeline.cli.options import Adopt, Folder, Json, Progress, Quiet, StopAfter, Trust, Verbose, takes_changes

_CHANGES = (
    *("model", "weights", "inputs", "root", "reference", "runtimes", "require_runtimes", "without"),
    *("store", "remote_store", "plugins", "report", "limits"),
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(resume)


@takes_changes(*_CHANGES)
def resume(
    changes: dict[str, Any],
    folder: Folder,
    adopt: Adopt = False,
    stop_after: StopAfter = "",
    trust: Trust = False,
    progress: Progress = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> int:
    """Continue an unfinished run, or continue from edited files.

    Runs that failed, were killed or were stopped are unfinished. If DIR is a folder of several runs, all of them are
    continued.

    torch2caffe2 resume out
    """
    from pipeline.cli.output import go_on

    how = {"adopt": adopt, "stop_after": stop_after, "changes": changes, "trust": trust}
    return go_on(folder, how, progress=progress, json=json, quiet=quiet, verbose=verbose)
