"""`torch2caffe2 scan`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli.options import Inputs, Json, Limits, Model, Plugins, Root, Weights
from pipeline.errors import UnsupportedError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(scan)


def scan(
    model: Model,
    inputs: Inputs = None,
    root: Root = "",
    limits: Limits = None,
    weights: Weights = None,
    plugins: Plugins = None,
    keep_loss: Annotated[bool, typer.Option("--keep-loss", help="Keep loss layers of a Caffe network.")] = False,
    json: Json = False,
) -> int:
    """List everything that convert could not handle, all at once, before any work."""
    from pipeline.cli.talk import print_json, print_table, tell
    from pipeline.inspection.scan import scan as look

    found = look(model, inputs or [], root, plugins or [], weights, keep_loss=keep_loss)
    for note in () if json else found.notes:
        tell(f"note: {note}")
    if json:
        print_json(asdict(found))
    elif found.problems:
        rows = [(problem.origin, problem.reason, problem.advice) for problem in found.problems]
        print_table(("where", "why", "what to do"), rows)
    else:
        tell(f"{found.nodes} nodes, and nothing that could not be converted")
    return UnsupportedError.exit_code if found.problems else 0
