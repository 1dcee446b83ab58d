"""`torch2caffe2 operators`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli.options import Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(operators)


def operators(
    of: Annotated[
        str,
        typer.Option("--of", metavar="WHAT", help="modules (of Torch7), operators (of the graph), layers (of Caffe)."),
    ] = "modules",
    json: Json = False,
) -> int:
    """Show what is supported, and what it becomes on the way."""
    from pipeline.cli.talk import print_json, print_table
    from pipeline.errors import UsageError
    from pipeline.inspection import operators as support

    tables = {"modules": support.module_rows, "operators": support.operator_rows, "layers": support.layer_rows}
    if of not in tables:
        raise UsageError(f"--of cannot be {of}", advice="one of: " + ", ".join(tables))
    rows = tables[of]()
    if json:
        print_json([asdict(row) for row in rows])
        return 0
    columns = ("name", "graph", "Caffe", "Caffe2", "what it is")
    print_table(columns, [(r.name, *map(", ".join, (r.operators, r.caffe, r.caffe2)), r.summary) for r in rows])
    return 0
