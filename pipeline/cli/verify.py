"""`torch2caffe2 verify`."""

from __future__ import annotations

from typing import Any

import typer

from pipeline.cli.options import Folder, Json, Progress, Quiet, Trust, Verbose, takes_changes

_CHANGES = (
    *("model", "weights", "reference", "record", "runtimes", "require_runtimes", "seed", "tolerance"),
    *("store", "remote_store", "plugins", "report", "limits"),
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


@takes_changes(*_CHANGES)
def verify(
    changes: dict[str, Any],
    folder: Folder,
    trust: Trust = False,
    progress: Progress = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> int:
    """Verify finished conversions again.

    Other inputs or other runtimes may be given.

    torch2caffe2 verify out --reference io.npz
    """
    from pipeline.cli.output import go_on

    how = {"changes": {"verify": True, **changes}, "trust": trust}
    return go_on(folder, how, progress=progress, json=json, quiet=quiet, verbose=verbose, checks=True)
