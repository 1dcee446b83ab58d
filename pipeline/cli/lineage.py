"""`torch2caffe2 lineage`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.options import Json, StoreFolder

Made = Annotated[
    Path,
    typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A file that a conversion made, or a copy of it."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(lineage)


def lineage(path: Made, store: StoreFolder = None, json: Json = False) -> int:
    """Show which model, options and versions a file was made from. It is recognised by its contents.

    torch2caffe2 lineage out/init_net.pb
    """
    from pipeline.cli.output import print_json, print_table
    from pipeline.store import lineage as tracing
    from pipeline.store.store import existing

    found = tracing.lineage(existing(store), path)
    if json:
        print_json([asdict(line) for line in found])
        return 0
    for line in found:
        rows = [("run", line.run), ("made by", shlex.join(line.command))]
        rows += [("from", f"{name} (blake3 {digest[:12]})") for name, digest in line.source.items()]
        rows += [("option", f"{name} = {value}") for name, value in line.options.items() if name != "model"]
        for link in line.links:
            versions = ", ".join(f"{name} {version}" for name, version in link.versions.items())
            made = f"{link.kind} {link.key[:12]}, {link.origin} {link.made[:19]}, {versions}"
            rows.append((link.file or link.stage, made))
        print_table(("", ""), rows)
    return 0
