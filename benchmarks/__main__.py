"""`python -m benchmarks`: measures every figure, prints the table, writes JSON and the page of the documentation."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import FIGURES
from benchmarks.measure import CommandError
from benchmarks.peers import MissingError
from benchmarks.report import Row, Skipped, as_json, page, table

_PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; 1 where a command failed."""
    asked = _parser().parse_args(arguments)
    unknown = sorted({*asked.only, *asked.skip} - FIGURES.keys())
    if unknown:
        print(f"no figure is called {', '.join(unknown)}; there are: {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as temporary:
        bench = Bench(asked.folder or Path(temporary), asked.runs, asked.quick)
        bench.folder.mkdir(parents=True, exist_ok=True)
        rows = [_measured(name, bench, asked.skip) for name in FIGURES if not asked.only or name in asked.only]
    print(table(rows))
    if asked.json:
        asked.json.write_text(as_json(rows, asked.runs))
    if not asked.only and not asked.quick:
        _PAGE.parent.mkdir(exist_ok=True)
        _PAGE.write_text(page(rows, asked.runs))
    return int(any(isinstance(row, Skipped) and row.failed for row in rows))


def _measured(name: str, bench: Bench, skipped: Sequence[str]) -> Row:
    if name in skipped:
        return Skipped(name, "left out")
    print(f"{name} ...", file=sys.stderr)
    try:
        return FIGURES[name](bench)
    except MissingError as error:
        return Skipped(name, str(error))
    except CommandError as error:
        print(error, file=sys.stderr)
        return Skipped(name, "a command failed", failed=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="runs of which the median counts (5)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="measure this figure only")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="leave this figure out")
    parser.add_argument("--quick", action="store_true", help="small networks in place of the big ones")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the networks are kept; needs up to 9 GB")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
