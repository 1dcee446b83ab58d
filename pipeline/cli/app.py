"""The application: all commands, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

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


class _Commands(TyperGroup):
    """All commands. An interrupted one raises an error like any other; typer would exit without a word."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - of the click that typer uses
        """Run the command that was asked for. Raises Interrupted."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None


app = typer.Typer(
    cls=_Commands,
    help="Convert Torch7 and Caffe networks to Caffe, Caffe2, ONNX and PyTorch, and verify that they compute the same.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 success, 1 a bug, 2 usage, 3 numbers differ, 4 unsupported, 5 bad input, 6 machine.",
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


@app.callback(invoke_without_command=True)
def _program(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Declare the options of the program itself, and list the commands if none is given."""
    if context.invoked_subcommand is None:
        print(context.get_help(), file=sys.stderr)
        raise typer.Exit(UsageError.exit_code)


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code. No error leaves as an exception."""
    told = _Told(sum(len(word) - 1 for word in arguments if re.fullmatch(r"-v+", word)), "--json" in arguments)
    try:
        code = int(app(list(arguments), prog_name=PROGRAM, standalone_mode=False) or 0)
        sys.stdout.flush()
        return code
    except PipelineError as error:
        return told.fail(error)
    except (KeyboardInterrupt, typer.Abort):
        return told.fail(Interrupted("interrupted"))
    except (BrokenPipeError, SystemExit):  # the reader closed the pipe, which the parser turns into an exit
        _drop_output()
        return 0
    except Exception as error:
        known = _of_output(error) or _of_machine(error) or _of_parser(error)
        return told.fail(known or _bug(error, arguments), error if known is None else None)


@dataclass(frozen=True, slots=True)
class _Told:
    """How errors are reported: with tracebacks, as JSON."""

    verbosity: int
    as_json: bool

    def fail(self, error: PipelineError, bug: Exception | None = None) -> int:
        """Report an error, on stderr for people and on stdout for programs, and return the exit code."""
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
    """Return the error for data that could not be printed to stdout; None for any other error.

    Other errors name their file, except if the working folder does not exist or too many files are open.
    """
    elsewhere = (errno.ENOENT, errno.EMFILE, errno.ENFILE)
    if not isinstance(error, OSError) or error.filename is not None or error.errno in elsewhere:
        return None
    from pipeline.store.machine import machine_error

    _drop_output()
    return machine_error(error, "printing the result", Path("standard output"))


def _of_machine(error: Exception) -> PipelineError | None:
    """Return the error for anything else that the machine refused; None if it is another kind of error."""
    from pipeline.store.machine import machine_error

    return machine_error(error, "the command", Path("the working folder"))


def _drop_output() -> None:
    """Discard what is still to be printed, so that Python does not fail in the same way again when it exits."""
    with suppress(OSError):  # too many files are open
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _of_parser(error: Exception) -> UsageError | None:
    """Return the error of the command line's parser; None for any other error."""
    worded = getattr(error, "format_message", None)
    if worded is None:
        return None
    message, context = worded(), getattr(error, "ctx", None)
    advice = f"{context.command_path} --help" if context else f"{PROGRAM} --help"
    return UsageError(message[:1].lower() + message[1:].rstrip("."), advice=advice)


def _bug(error: Exception, arguments: Sequence[str]) -> PipelineError:
    """Return the error for an unexpected exception, and write what a bug report needs to a file."""
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
