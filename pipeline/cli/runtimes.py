"""`torch2caffe2 runtimes list` and `runtimes install`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli.options import Json


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="List or install independent programs that check conversions.", rich_markup_mode=None)
    group.command("list")(list_)
    group.command()(install)
    app.add_typer(group, name="runtimes")


def list_(json: Json = False) -> int:
    """List the independent runtimes, and how to get others.

    torch2caffe2 runtimes list
    """
    from pipeline.cli.output import print_findings, print_json
    from pipeline.runtimes import doctor

    found = list(doctor.runtimes())
    if json:
        print_json([asdict(finding) for finding in found])
    else:
        print_findings(found)
    return 0


def install(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="caffe, caffe2, caffe2==1.10.2, or all.")
    ] = None,
    if_possible: Annotated[
        bool, typer.Option("--if-possible", help="Succeed even if something cannot be installed here, and say what.")
    ] = False,
    json: Json = False,
) -> int:
    """Install a real Caffe and Caffe2, or one of them.

    Each gets a Python environment of its own. Without a name, both are installed. They exist only for Python 3.7 to
    3.9, one of which must be available.

    torch2caffe2 runtimes install caffe2
    """
    from pipeline.cli.output import print_json
    from pipeline.errors import MachineError, render
    from pipeline.runtimes import install as installing

    made: list[dict[str, str]] = []
    code = 0
    for program, ways in installing.asked(names or [installing.ALL]):
        try:
            interpreter = installing.install(program, ways, lambda text: print(text, file=sys.stderr))
            made.append({"name": program.name, "interpreter": str(interpreter)})
        except MachineError as error:
            print(render(error), file=sys.stderr)
            code = 0 if if_possible else error.exit_code
    if json:
        print_json(made)
    else:
        for one in made:
            print(one["interpreter"])
    return code
