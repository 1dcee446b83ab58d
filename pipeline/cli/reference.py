"""Generates the documentation page of all commands and options: `python -m pipeline.cli.reference > docs/cli.md`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from pipeline.cli.app import PROGRAM, app

_HEAD = f"""# The command line

Generated from the commands by `python -m pipeline.cli.reference`. `python -m {PROGRAM}` is the same as `{PROGRAM}`.

Results go to stdout, messages to stderr. Every command has `--help`. With `--json`, a command prints an object that
follows [this schema](answers.schema.json), even if it fails. Exit codes: 0 success, 1 a bug in this program, 2 wrong
usage, 3 numbers differ (or a required runtime could not run), 4 something unsupported (all of it is listed), 5 a
damaged or foreign file, 6 a problem of the machine (disk full, no permission), 130 interrupted.
"""


def page() -> str:
    """Return the page, in Markdown."""
    parts = [_section(name, command) for name, command in _commands(typer.main.get_command(app), PROGRAM)]
    return "\n".join([_HEAD, *parts])


def _commands(group: Any, name: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer's
    """Yield the commands of a group and its subgroups, each with its full name."""
    for word, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from _commands(each, f"{name} {word}")
        else:
            yield f"{name} {word}", each


def _section(name: str, command: Any) -> str:  # noqa: ANN401 - typer's
    told = inspect.cleandoc(command.help)
    *text, example = told.split("\n\n")
    given = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = " ".join([name, *(_metavar(p) for p in given), *(["[OPTIONS]"] if options else [])])
    if not example.startswith(PROGRAM):
        text, example = [*text, example], ""
    lines = [f"## {name.removeprefix(PROGRAM).strip()}", "", *"\n\n".join(text).splitlines(), "", f"    {usage}", ""]
    lines += ["For example:", "", f"    {example}", ""] if example else []
    rows = [(_metavar(p), p.help) for p in given] + [(_words(p), p.help) for p in options]
    lines += ["| | |", "|---|---|", *(f"| `{_cell(what)}` | {_cell(text)} |" for what, text in rows)] if rows else []
    return "\n".join([*lines, ""])


def _metavar(parameter: Any) -> str:  # noqa: ANN401 - typer's
    return str(parameter.metavar or parameter.name.upper())


def _words(option: Any) -> str:  # noqa: ANN401 - typer's
    flags = ", ".join(option.opts)
    other = f" / {', '.join(option.secondary_opts)}" if option.secondary_opts else ""
    value = "" if option.is_flag or option.count else f" {_metavar(option)}"
    return f"{flags}{other}{value}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    print(page(), end="")
