"""`torch2caffe2 inspect`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.options import AnyFile, Inputs, Json, Limits, Root, Weights

if TYPE_CHECKING:
    from pipeline.formats import Location


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(inspect)


def inspect(
    path: AnyFile,
    weights: Weights = None,
    inputs: Inputs = None,
    root: Root = "",
    limits: Limits = None,
    tree: Annotated[bool, typer.Option("--tree", help="Show the tree of names, with sums.")] = False,
    layer: Annotated[str, typer.Option("--layer", metavar="NAME", help="Show everything about this part.")] = "",
    stats: Annotated[
        bool, typer.Option("--stats", help="Show statistics of weights: minimum, mean, NaN, histogram ...")
    ] = False,
    filters: Annotated[
        Path | None,
        typer.Option("--filters", metavar="FILE.png", help="Draw the filters of the first convolution to this file."),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Show the network in Netron.")] = False,
    json: Json = False,
) -> int:
    """Show the contents of a model file or an output folder.

    The file may be a t7, graph, prototxt, caffemodel, HDF5, NetDef or ONNX file.

    The numbers of weights are read only with --stats.

    torch2caffe2 inspect model.t7 --input 1x3x224x224
    """
    from pipeline.formats import Location

    if open_:
        from pipeline.inspection import viewer

        viewer.show(path)
        return 0
    location = Location(path, weights, tuple(inputs or ()), root)
    if filters:
        return _draw(location, filters, json)
    return _show(location, layer, tree=tree, stats=stats, json=json)


def _show(location: Location, layer: str, *, tree: bool, stats: bool, json: bool) -> int:
    from pipeline.cli.output import print_json, show
    from pipeline.inspection import views
    from pipeline.inspection.summary import inspect as look

    found = look(location)
    parts = found.find(layer) if layer else found.parts
    if json and tree:
        print_json([place.as_json() for place in views.tree(found)])
    elif json:
        print_json(views.as_json(found, parts, with_statistics=stats))
    elif tree:
        show(views.tree_table(found))
    elif layer:
        for part in parts:
            show(views.layer_table(part, with_statistics=stats))
    elif stats:
        show(views.statistics_table(found.title, parts))
    else:
        if found.contents:
            show(views.contents_table(found))
        if found.parts or not found.contents:
            show(views.table(found))
    return 0


def _draw(location: Location, target: Path, json: bool) -> int:
    from pipeline.cli.output import print_json, print_place
    from pipeline.engine import user_files
    from pipeline.errors import UsageError
    from pipeline.inspection import pictures

    if target.suffix.lower() != ".png":
        raise UsageError(f"filters are drawn as PNG, and {target} does not end in .png", advice="choose a name in .png")
    user_files.refuse_foreign(target)
    picture = pictures.of_file(location)
    user_files.write(target, picture.png, "picture")
    if json:
        print_json({"output": str(target), "title": picture.title, "caption": picture.caption})
    else:
        print_place(target)
        print(f"{picture.title}: {picture.caption}", file=sys.stderr)
    return 0
