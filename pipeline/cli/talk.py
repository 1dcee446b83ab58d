"""How commands speak: data on stdout, talk on stderr."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pipeline import formats
from pipeline.engine import events
from pipeline.engine.batch import Result
from pipeline.errors import Interrupted, UsageError, worst
from pipeline.visible import visible

if TYPE_CHECKING:
    from pipeline.inspection.table import Table
    from pipeline.runtimes.doctor import Finding

Cell = str | int | float
KINDS = ("auto", "rich", "plain", "json", "none")


@contextmanager
def reporting(kind: str, quiet: bool, verbosity: int, many: bool) -> Iterator[events.Reporter]:
    """Return the reporter that fits the terminal and the flags; it always keeps the log of each run too."""
    from pipeline.engine import reporters

    if kind not in KINDS:
        raise UsageError(f"--progress cannot be {kind}", advice="one of: " + ", ".join(KINDS))
    if kind == "auto":
        lively = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not verbosity
        kind = "none" if quiet else "rich" if lively else "plain"
    log = reporters.Log()
    if kind == "rich":
        from pipeline.engine.live import Rich

        with Rich(sys.stderr, many, color="NO_COLOR" not in os.environ) as rich:
            yield reporters.several([log, rich])
    elif kind == "plain":
        yield reporters.several([log, reporters.Plain(sys.stderr, many, verbosity)])
    elif kind == "json":
        yield reporters.several([log, reporters.JsonLines(sys.stderr)])
    else:
        yield log


def typed_command() -> tuple[str, ...]:
    """Return the command line as it was typed, for the records; not where the program happens to be installed."""
    return ("torch2caffe2", *sys.argv[1:])


def tell(text: str) -> None:
    """Say something to the user, in one line."""
    print(visible(text), file=sys.stderr)


def print_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print data for programs."""
    print(json.dumps(value, indent=2))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], stream: IO[str] | None = None) -> None:
    """Print data for people: columns aligned, numbers to the right, empty columns left out."""
    kept = [i for i in range(len(columns)) if any(row[i] != "" for row in rows)]
    numeric = {i for i in kept if all(isinstance(row[i], int | float) or row[i] == "" for row in rows)}
    text = [[_text(row[i]) for i in kept] for row in rows]
    lines = [[columns[i] for i in kept], *text] if any(columns) else text
    widths = [max(len(line[i]) for line in lines) for i in range(len(kept))]
    for line in lines:
        cells = zip(line, widths, kept, strict=True)
        print("  ".join(t.rjust(w) if i in numeric else t.ljust(w) for t, w, i in cells).rstrip(), file=stream)


def show(table: Table) -> None:
    """Print a table of inspection with its title and remarks."""
    print(visible(table.title))
    depths = table.depths or (0,) * len(table.rows)
    rows = [("  " * depth + str(row[0]), *row[1:]) for depth, row in zip(depths, table.rows, strict=True)]
    if rows:
        print_table(table.columns, rows)
    for remark in table.remarks:
        print(visible(remark))


def print_findings(findings: Sequence[Finding]) -> None:
    """Print what the doctor found, and what to do about the rest."""
    rows = [(f.topic, f.what, "found" if f.found else "missing", f.detail, f.advice) for f in findings]
    print_table(("topic", "what", "state", "detail", "what to do"), rows)


def print_verification(folder: Path, as_json: bool = False, stream: IO[str] | None = None) -> None:
    """Print the verification that lies in an output folder: who checked what, and how far it is apart."""
    from pipeline.verification.evidence import words

    path = folder / "verification.json"
    if not path.is_file():
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    if as_json:
        print_json(found)
        return
    rows = [
        (check["by"], check["reads"], check["status"], check["values"], check["relative"], _remark(check))
        for check in found["checks"]
    ]
    print_table(("checked by", "reads", "result", "values", "worst", "where"), rows, stream)
    print_table(("", "", ""), [(step["step"], *words(step)) for step in found.get("evidence", ())], stream)
    print(f"{visible(found['inputs'])}; tolerance {found['tolerance']:g}, relative to max(1, max |b|)", file=stream)


def print_optimizations(folder: Path, stream: IO[str] | None = None) -> None:
    """Print what each pass has changed, where the run of an output folder was asked for any."""
    path = folder / "optimizations.json"
    if not path.is_file():
        return
    changes = json.loads(path.read_text(encoding="utf-8"))
    rows = [(change["by"], change["origin"], change["operator"], change["what"]) for change in changes]
    if rows:
        print_table(("pass", "layer", "operator", "change"), rows, stream)


def _remark(check: Mapping[str, Any]) -> str:
    if check["diverges_at"]:
        place = f"diverges at {check['diverges_at']}, {check['diverges_in']}"
        if check["binding"]:
            return place
        known = formats.named(check["reads"])
        guessed = known is not None and not known.is_artifact  # a file of the user's, which says less than its user
        return f"{place} ({'an opinion: it guesses some modules' if guessed else 'expected: the net was edited'})"
    return str(check["why"] or check["worst_at"])


def _text(cell: Cell) -> str:
    if isinstance(cell, int):
        return f"{cell:,}"
    return f"{cell:.3g}" if isinstance(cell, float) else visible(cell)


def finish(results: Sequence[Result], as_json: bool, verbosity: int = 0, *, data_too: bool = True) -> int:
    """Print how conversions ended: errors to stderr, results to stdout (`data_too`); give the worst exit code.

    130 (interrupted) outranks 1 (a bug), and that any other code; of those, the highest is given.
    """
    for result in results:
        if result.trace and verbosity > 1:
            print(visible(result.trace, keep="\n"), file=sys.stderr)
        if result.error:
            print(result.error, file=sys.stderr)
        if result.error and result.recorded:
            tell(f"resume with: {shlex.join(['torch2caffe2', 'resume', result.output])}")
    if not results:
        print("error: interrupted", file=sys.stderr)
    code = worst({result.exit_code for result in results} or {Interrupted.exit_code})
    if not data_too:
        return code
    if as_json:
        listed = [data(result) for result in results]
        print_json(listed[0] if len(listed) == 1 else {"exit_code": code, "models": listed})
    elif len(results) > 1:
        rows = [(r.model, r.state, r.exit_code, f"{r.seconds:.1f} s", r.output) for r in results]
        print_table(("model", "state", "exit", "time", "output"), rows)
    else:
        for result in results:
            if result.converted:
                print(result.output)
    return code


def tell_reports(written: Sequence[Path], quiet: bool) -> None:
    """Say where reports were written."""
    for path in written if not quiet else ():
        tell(f"report: {path}")


def data(result: Result) -> dict[str, Any]:
    """Return a result for programs."""
    return {name: getattr(result, name) for name in Result.__dataclass_fields__ if name not in ("recorded", "trace")}
