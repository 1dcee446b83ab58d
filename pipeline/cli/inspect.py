"""`torch2caffe2 inspect`."""

from __future__ import annotations

import typer

from pipeline.cli.options import AnyFile, Json, Root, Weights


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(inspect)


def inspect(path: AnyFile, weights: Weights = None, root: Root = "", json: Json = False) -> int:
    """Show what is in a t7, graph, prototxt, caffemodel or NetDef, or in the output folder of a run."""
    from pipeline.cli.talk import print_json, show
    from pipeline.inspection.summary import inspect as look

    table = look(path, weights, root)
    if json:
        print_json(table.as_json())
    else:
        show(table)
    return 0
