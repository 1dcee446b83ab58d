"""`torch2caffe2 export-layer`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import AnyFile, Inputs, Json, Limits, Root, Weights


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export-layer")(export_layer)


def export_layer(
    path: AnyFile,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR|ZIP", help="Where the small network goes.")],
    layer: Annotated[str, typer.Option("--layer", metavar="NAME", help="Cut out this layer.")] = "",
    first: Annotated[str, typer.Option("--from", metavar="NAME", help="Cut out a span that begins here.")] = "",
    last: Annotated[str, typer.Option("--to", metavar="NAME", help="... and ends here.")] = "",
    weights: Weights = None,
    inputs: Inputs = None,
    root: Root = "",
    limits: Limits = None,
    reference: Annotated[
        Path | None, typer.Option("--reference", metavar="NPZ", exists=True, help="Inputs of the whole network.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of the random inputs.")] = 0,
    json: Json = False,
) -> int:
    """Cut out some layers as a small network, for a bug report.

    A layer or a span of layers is written with inputs and expected outputs.

    torch2caffe2 export-layer out --layer 2_Tanh --output small.zip
    """
    from pipeline.cli.output import print_json, print_place, tell
    from pipeline.errors import UsageError
    from pipeline.formats import Location, load
    from pipeline.report.words import plural
    from pipeline.verification import export, feeds

    if (bool(layer), bool(first), bool(last)) not in ((True, False, False), (False, True, True)):
        raise UsageError("name a layer, or both ends of a span", advice="--layer NAME, or --from NAME --to NAME")
    graph = load(Location(path, weights, tuple(inputs or ()), root))
    given = feeds.read_reference(reference, graph) if reference else feeds.random_inputs(graph, seed)
    found = export.piece(graph, layer or first, layer or last, given)
    notes = export.save(found, output)
    if json:
        print_json({"output": str(output), "nodes": [node.name for node in found.graph.nodes], "left_out": list(notes)})
        return 0
    print_place(output)
    tell(plural(len(found.graph.nodes), "node"))
    for note in notes:
        tell(f"left out: {note}")
    return 0
