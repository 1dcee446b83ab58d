"""All commands and options as a page of the documentation: `python -m pipeline.cli.reference > docs/cli.md`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from pipeline.cli.app import PROGRAM, app

_HEAD = f"""# The command line

Made by `python -m pipeline.cli.reference` from the commands themselves. `python -m {PROGRAM}` is `{PROGRAM}`.

Data goes to stdout, talk to stderr. Every command has `--help`, and those with `--json` print an object of
[this schema](answers.schema.json), also where something stops them. Exit codes: 0 done, 1 a bug, 2 usage, 3 numbers
differ (or a judge that was required could not run), 4 something unsupported, all of it listed, 5 a damaged or foreign
file, 6 the machine (disk full, no permission), 130 interrupted.
"""


def page() -> str:
    """Return the page, in Markdown."""
    parts = [_section(name, command) for name, command in _commands(typer.main.get_command(app), PROGRAM)]
    return "\n".join([_HEAD, *parts])


def _commands(group: Any, name: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer's
    """Yield the commands of a group, and of groups in it, with the words that call them."""
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
