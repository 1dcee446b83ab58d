"""`torch2caffe2 resume`."""

from __future__ import annotations

import typer

from pipeline.cli.options import (
    Adopt,
    Folder,
    Inputs,
    Json,
    Limits,
    MovedModel,
    MovedWeights,
    NamedStore,
    Plugins,
    Progress,
    Quiet,
    Reference,
    RemoteStore,
    Report,
    RequiredRuntimes,
    Root,
    Runtimes,
    StopAfter,
    Trust,
    Verbose,
    Without,
    typed,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(resume)


def resume(
    folder: Folder,
    adopt: Adopt = False,
    stop_after: StopAfter = "",
    without: Without = None,
    model: MovedModel = None,
    weights: MovedWeights = None,
    inputs: Inputs = None,
    root: Root = "",
    reference: Reference = None,
    runtimes: Runtimes = None,
    require_runtimes: RequiredRuntimes = None,
    store: NamedStore = None,
    remote_store: RemoteStore = "",
    plugins: Plugins = None,
    report_file: Report = None,
    limits: Limits = None,
    trust: Trust = False,
    progress: Progress = "auto",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> int:
    """Continue a failed, killed or stopped run, or all runs in a folder; or continue from edited files.

    torch2caffe2 resume out
    """
    from pipeline.cli.talk import go_on

    changes = typed(
        model=model,
        weights=weights,
        inputs=inputs,
        root=root or None,
        reference=reference,
        runtimes=runtimes,
        require_runtimes=require_runtimes,
        without=without,
        store=store,
        remote_store=remote_store or None,
        plugins=plugins,
        report=report_file,
        limits=limits,
    )
    how = {"adopt": adopt, "stop_after": stop_after, "changes": changes, "trust": trust}
    return go_on(folder, how, progress=progress, json=json, quiet=quiet, verbose=verbose)
