"""How commands speak: data on stdout, talk on stderr."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pipeline.errors import UsageError
from pipeline.orchestration import events
from pipeline.orchestration.batch import Result

KINDS = ("auto", "rich", "plain", "json", "none")


@contextmanager
def reporting(kind: str, quiet: bool, verbosity: int, many: bool) -> Iterator[events.Reporter]:
    """Give the reporter that fits the terminal and the flags; it always keeps the log of each run too."""
    from pipeline.orchestration import reporters

    if kind not in KINDS:
        raise UsageError(f"--progress cannot be {kind}", advice="one of: " + ", ".join(KINDS))
    if kind == "auto":
        lively = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not verbosity
        kind = "none" if quiet else "rich" if lively else "plain"
    log = reporters.Log()
    if kind == "rich":
        from pipeline.orchestration.live import Rich

        with Rich(sys.stderr, many, color="NO_COLOR" not in os.environ) as rich:
            yield reporters.several([log, rich])
    elif kind == "plain":
        yield reporters.several([log, reporters.Plain(sys.stderr, many, verbosity)])
    elif kind == "json":
        yield reporters.several([log, reporters.JsonLines(sys.stderr)])
    else:
        yield log


def print_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print data for programs."""
    print(json.dumps(value, indent=2))


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print data for people: columns aligned, the last one free."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)] if rows else []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        print("  ".join([*cells, row[-1]]).rstrip())


def finish(results: Sequence[Result], as_json: bool, verbosity: int = 0) -> int:
    """Print how conversions ended: errors to stderr, results to stdout; give the worst exit code.

    130 (interrupted) outranks 1 (a bug), and that any other code; of those, the highest is given.
    """
    for result in results:
        if result.trace and verbosity > 1:
            print(result.trace, file=sys.stderr)
        if result.error:
            print(result.error, file=sys.stderr)
        if result.error and result.recorded:
            print(f"resume with: {shlex.join(['torch2caffe2', 'resume', result.output])}", file=sys.stderr)
    codes = {result.exit_code for result in results} or {130}
    worst = next((code for code in (130, 1) if code in codes), max(codes))
    if as_json:
        listed = [data(result) for result in results]
        print_json(listed[0] if len(listed) == 1 else {"exit_code": worst, "models": listed})
    elif len(results) > 1:
        rows = [(r.model, r.state, str(r.exit_code), f"{r.seconds:.1f} s", r.output) for r in results]
        print_table([("model", "state", "exit", "time", "output"), *rows])
    else:
        for result in results:
            if result.state in ("done", "unverified"):
                print(result.output)
    return worst


def data(result: Result) -> dict[str, Any]:
    """Give a result for programs."""
    return {name: getattr(result, name) for name in Result.__dataclass_fields__ if name not in ("recorded", "trace")}
