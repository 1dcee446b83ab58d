"""`torch2caffe2 doctor`."""

from __future__ import annotations

from dataclasses import asdict

import typer

from pipeline.cli.options import Json, StoreFolder


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor(store: StoreFolder = None, json: Json = False) -> int:
    """Show what is installed, and how to get what is missing.

    Libraries and independent runtimes are listed.

    torch2caffe2 doctor
    """
    from pipeline.cli.output import print_findings, print_json
    from pipeline.runtimes.doctor import examine
    from pipeline.store.store import default_root

    findings = examine(store or default_root())
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_findings(findings)
    return 0
