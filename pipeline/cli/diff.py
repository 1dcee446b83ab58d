"""`torch2caffe2 diff`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import Inputs, Json, Limits, Root, Weights

Network = Annotated[Path, typer.Argument(metavar="FILE|DIR", exists=True, help="A network of any supported format.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(diff)


def diff(
    before: Network,
    after: Network,
    weights: Weights = None,
    other_weights: Annotated[
        Path | None, typer.Option("--other-weights", metavar="FILE", exists=True, help="The weights of the second.")
    ] = None,
    inputs: Inputs = None,
    root: Root = "",
    limits: Limits = None,
    tolerance: Annotated[float, typer.Option("--tolerance", metavar="X", help="How far apart outputs may be.")] = 1e-4,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of the random inputs.")] = 0,
    run: Annotated[bool, typer.Option("--run/--no-run", help="Compare the outputs on the same inputs.")] = True,
    json: Json = False,
) -> int:
    """Compare two networks by meaning.

    Nodes, attributes, weights, and the outputs on the same inputs are compared.

    Names, the order of independent nodes, and nodes without effect are ignored. The exit code is 3 if the networks
    differ. Nodes that exist in only one of them count if the outputs differ or could not be compared.

    torch2caffe2 diff out/graph.json out/deploy.prototxt
    """
    from pipeline.cli.output import print_json, show
    from pipeline.diff import diff_files
    from pipeline.errors import VerificationError
    from pipeline.formats import Location

    given = tuple(inputs or ())
    found = diff_files.compare(
        Location(before, weights, given, root),
        Location(after, other_weights, given, root),
        tolerance=tolerance,
        seed=seed,
        run=run,
    )
    if json:
        print_json(diff_files.as_json(found))
    else:
        show(diff_files.as_table(found, f"{before} -> {after}"))
    return 0 if found.same else VerificationError.exit_code
