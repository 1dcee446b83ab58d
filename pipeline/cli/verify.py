"""`torch2caffe2 verify`."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.options import (
    Folder,
    Json,
    Limits,
    MovedModel,
    MovedWeights,
    NamedStore,
    Plugins,
    Progress,
    Quiet,
    Record,
    Reference,
    RemoteStore,
    Report,
    RequiredRuntimes,
    Runtimes,
    Trust,
    Verbose,
    typed,
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    folder: Folder,
    model: MovedModel = None,
    weights: MovedWeights = None,
    reference: Reference = None,
    record: Record = None,
    runtimes: Runtimes = None,
    require_runtimes: RequiredRuntimes = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of the random inputs.")] = None,
    tolerance: Annotated[
        float | None, typer.Option("--tolerance", metavar="X", help="Largest difference, relative to max(1, max |b|).")
    ] = None,
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
    """Verify a finished conversion again, or all in a folder, with other inputs or other runtimes.

    torch2caffe2 verify out --reference io.npz
    """
    from pipeline.cli.talk import go_on

    changes = typed(
        model=model,
        weights=weights,
        reference=reference,
        record=record,
        runtimes=runtimes,
        require_runtimes=require_runtimes,
        seed=seed,
        tolerance=tolerance,
        store=store,
        remote_store=remote_store or None,
        plugins=plugins,
        report=report_file,
        limits=limits,
    )
    how = {"changes": {"verify": True, **changes}, "trust": trust}
    return go_on(folder, how, progress=progress, json=json, quiet=quiet, verbose=verbose, checks=True)
