"""`torch2caffe2 scan`."""

from __future__ import annotations

import sys
from typing import Any

import typer

from pipeline.cli.options import Config, Json, takes_conversion_options
from pipeline.errors import UnsupportedError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(scan)


@takes_conversion_options
def scan(typed: dict[str, Any], config: Config = None, json: Json = False) -> int:
    """List everything that convert could not handle, all at once, without converting.

    torch2caffe2 scan model.t7
    """
    from pipeline import config as configuration
    from pipeline.cli.talk import print_json, print_table, tell
    from pipeline.engine.scan import scan as look
    from pipeline.visible import visible

    found = {options.name: look(options) for options in configuration.load(config, typed)}
    code = UnsupportedError.exit_code if any(each.problems for each in found.values()) else 0
    if json:
        models = [{"model": name, **each.as_json()} for name, each in found.items()]
        print_json({"exit_code": code, "models": models})
    for name, each in () if json else found.items():
        if len(found) > 1:
            print(f"{visible(name)}:")
        print_table(("", ""), [("note:", note) for note in each.notes], sys.stderr)
        if each.problems:
            rows = [(problem.origin, problem.reason, problem.advice) for problem in each.problems]
            print_table(("where", "why", "what to do"), rows)
        else:
            tell(f"{each.nodes} nodes, and nothing that could not be converted")
    return code
