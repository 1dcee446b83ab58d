"""`torch2caffe2 operators`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
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
    missing: Annotated[
        Path | None,
        typer.Option("--missing", metavar="MODEL", exists=True, help="Show only what is unsupported in this file."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the documentation page, in Markdown.")] = False,
    json: Json = False,
) -> int:
    """Show what is supported, and what it becomes in each format.

    With --missing, the exit code is 4 if the file has something that is not supported.

    torch2caffe2 operators --missing model.t7
    """
    from pipeline.cli.output import print_json, print_table
    from pipeline.errors import UsageError
    from pipeline.inspection import operators as support

    if missing:
        return _missing(missing, json)
    if markdown:
        from pipeline.inspection.support import markdown as page

        print(page(), end="")
        return 0
    tables = {"modules": support.module_rows, "operators": support.operator_rows, "layers": support.layer_rows}
    if of not in tables:
        raise UsageError(f"--of cannot be {of}", advice="one of: " + ", ".join(tables))
    rows = tables[of]()
    if json:
        print_json(support.as_json(rows))
        return 0
    columns = support.columns()
    print_table(("name", *columns, "what it is"), [(r.name, *map(r.shown, columns), r.summary) for r in rows])
    return 0


def _missing(model: Path, json: bool) -> int:
    import sys

    from pipeline.cli.output import print_json, print_table
    from pipeline.errors import UnsupportedError
    from pipeline.formats import Location
    from pipeline.inspection.support import missing

    found = missing(Location(model))
    if json:
        print_json([asdict(each) for each in found])
    elif found:
        print_table(("type", "count", "first at"), [(each.kind, each.count, each.first) for each in found])
    else:
        print("everything in it is supported", file=sys.stderr)
    return UnsupportedError.exit_code if found else 0
