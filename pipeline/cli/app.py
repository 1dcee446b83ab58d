"""The application: all commands, and the one place where errors become words and exit codes."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

import pipeline
from pipeline.cli import (
    cache,
    convert,
    diff,
    doctor,
    export_layer,
    inspect,
    lineage,
    operators,
    plan,
    report,
    resume,
    runtimes,
    scan,
    status,
    verify,
)
from pipeline.errors import Interrupted, PipelineError, UsageError, as_data, render
from pipeline.visible import visible

PROGRAM = "torch2caffe2"

app = typer.Typer(
    help="Turn Torch7 networks into Caffe and Caffe2 networks that compute the same numbers.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 a bug, 2 usage, 3 numbers differ, 4 unsupported, 5 bad input, 6 machine.",
)
COMMANDS = (
    *(convert, resume, plan, status, report),
    *(scan, inspect, diff, export_layer, verify),
    *(lineage, operators, doctor, runtimes, cache),
)
for command in COMMANDS:
    command.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {pipeline.__version__}")
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Hold the options of the program itself."""


def run(arguments: Sequence[str]) -> int:
    """Obey a command line; give the exit code. Nothing that goes wrong leaves as an exception."""
    told = _Told(sum(len(word) - 1 for word in arguments if re.fullmatch(r"-v+", word)), "--json" in arguments)
    try:
        code = int(app(list(arguments), prog_name=PROGRAM, standalone_mode=False) or 0)
        sys.stdout.flush()
        return code
    except PipelineError as error:
        return told.fail(error)
    except (KeyboardInterrupt, typer.Abort):
        return told.fail(Interrupted("interrupted"))
    except (BrokenPipeError, SystemExit):  # whoever read our data has seen enough; the parser makes an exit of it
        _drop_output()
        return 0
    except Exception as error:
        known = _of_output(error) or _of_machine(error) or _of_parser(error)
        return told.fail(known or _bug(error, arguments), error if known is None else None)


@dataclass(frozen=True, slots=True)
class _Told:
    """How the user is told of what stopped a command: with tracebacks, as JSON."""

    verbosity: int
    as_json: bool

    def fail(self, error: PipelineError, bug: Exception | None = None) -> int:
        """Tell what happened, on stderr for people, on stdout for programs; give the exit code."""
        if self.verbosity > 1:
            import traceback

            print(visible("".join(traceback.format_exception(bug or error)), keep="\n"), file=sys.stderr)
        print(render(error), file=sys.stderr)
        if self.as_json:
            import json

            with suppress(OSError):
                print(json.dumps({"exit_code": error.exit_code, "error": as_data(error)}, indent=2), flush=True)
        return error.exit_code


def _of_output(error: Exception) -> PipelineError | None:
    """Return what the machine refused of our data on stdout; None for anything else, which names its file.

    What does not exist, and has no name, is the working folder.
    """
    if not isinstance(error, OSError) or error.filename is not None or error.errno == errno.ENOENT:
        return None
    from pipeline.store.machine import machine_error

    _drop_output()
    return machine_error(error, "printing the result", Path("standard output"))


def _of_machine(error: Exception) -> PipelineError | None:
    """Return what the machine refused of anything that has not said so itself."""
    from pipeline.store.machine import machine_error

    return machine_error(error, "the command", Path("the working folder"))


def _drop_output() -> None:
    """Let what is still to be printed go nowhere, so that Python's end does not meet the same fault again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _of_parser(error: Exception) -> UsageError | None:
    """Return what the command line's parser refused; None for anything else."""
    worded = getattr(error, "format_message", None)
    if worded is None:
        return None
    message, context = worded(), getattr(error, "ctx", None)
    advice = f"{context.command_path} --help" if context else f"{PROGRAM} --help"
    return UsageError(message[:1].lower() + message[1:].rstrip("."), advice=advice)


def _bug(error: Exception, arguments: Sequence[str]) -> PipelineError:
    """Return what to tell of an exception nobody expected, and write what a report of it needs to a file."""
    import platform
    import shlex
    import tempfile
    import traceback

    text = "".join(traceback.format_exception(error))
    report = "\n".join(
        [
            f"{PROGRAM} {pipeline.__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"{PROGRAM} {shlex.join(arguments)}",
            "",
            text,
        ]
    )
    handle, name = tempfile.mkstemp(prefix=f"{PROGRAM}-bug-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(report)
    what = f"this is a bug in {PROGRAM}: {type(error).__name__}: {error}"
    return PipelineError(what, advice=f"report it with {Path(name)}")
