"""`torch2caffe2 scan`."""

from __future__ import annotations

import sys
from dataclasses import asdict

import typer

from pipeline.cli.options import Inputs, Json, Model, Plugins, Root, Weights
from pipeline.errors import UnsupportedError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(scan)


def scan(
    model: Model,
    inputs: Inputs = None,
    root: Root = "",
    weights: Weights = None,
    plugins: Plugins = None,
    json: Json = False,
) -> int:
    """List everything that convert could not handle, all at once, before any work."""
    from pipeline.cli.talk import print_json, print_table
    from pipeline.inspection.scan import scan as look

    found = look(model, inputs or [], root, plugins or [], weights)
    if json:
        print_json(asdict(found))
    elif found.problems:
        rows = [(problem.origin, problem.reason, problem.advice) for problem in found.problems]
        print_table(("where", "why", "what to do"), rows)
    else:
        print(f"{found.nodes} nodes, and nothing that could not be converted", file=sys.stderr)
    return UnsupportedError.exit_code if found.problems else 0
