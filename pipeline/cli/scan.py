"""`torch2caffe2 scan`."""

from __future__ import annotations

import sys
from typing import Any

import typer

from pipeline.cli.options import Config, Json, takes_conversion_options
from pipeline.errors import UnsupportedError, worst


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(scan)


@takes_conversion_options
def scan(typed: dict[str, Any], config: Config = None, json: Json = False) -> int:
    """List everything that convert could not handle, all at once.

    Nothing is converted.

    torch2caffe2 scan model.t7
    """
    from pipeline.cli.output import asked_models, print_failures, print_json, print_table, tell
    from pipeline.engine import batch
    from pipeline.engine.scan import Scan
    from pipeline.engine.scan import scan as look
    from pipeline.report.words import plural
    from pipeline.visible import visible

    runs, left_out = asked_models(config, typed)
    scans = batch.look_at_all(runs, look, Scan("", ()))
    unsupported = UnsupportedError.exit_code if any(each.found.problems for each in scans) else 0
    code = worst({print_failures(scans), unsupported})
    if json:
        models = [{"model": each.model, **each.found.as_json(), "errors": each.errors} for each in scans]
        print_json({"exit_code": code, "models": models, "left_out": [each.as_json() for each in left_out]})
    for each in () if json else scans:
        if len(scans) > 1:
            print(visible(each.heading))
        print_table(("", ""), [("note:", note) for note in each.found.notes], sys.stderr)
        if each.found.problems:
            rows = [(problem.origin, problem.reason, problem.advice) for problem in each.found.problems]
            print_table(("where", "why", "what to do"), rows)
        elif not each.error:
            tell(f"{plural(each.found.nodes, 'node')}; everything can be converted")
    return code
