"""The figures as a table, as JSON, and as the page of the documentation."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.figures import MB, Figure

_LIBRARIES = ("numpy", "protobuf", "torch", "torchfile", "opencv-python-headless")

_PAGE = """# What a conversion costs

The last run of `make bench`: medians of {runs} runs, taken in turn with what they are compared with, so that
only the ratios mean something. {machine}

{table}

{notes}"""

_NOTES = """- *Cold*: nothing cached, no verification, start-up of Python included; the file is in the page cache, for
  the conversion as for `cp`. Three files of its size are written and confirmed by the disk, as by three `cp` + `sync`.
- *To ONNX*: without the start of the program. From the t7 two files of its size are written, the graph and the model,
  and three are digested, beside one copy; from the graph, one is written.
- *Private memory* is the peak of RssAnon over all processes, above that of `--version`; mapped files do not count.
- *Reading the t7* maps the file: the numbers are read where they are used, once.
- *Digests checked*: whatever the store knew of unchanged files was removed before each run, so that the t7 and all
  artifacts are digested again. *Nothing touched*: as a second run finds it.
- *Verification* is the stage with PyTorch alone, which it imports, beside a process that imports PyTorch and does five
  passes over the same layers, and one reading of the files.
- *5,000 layers* and *500 layers*: time of processors, less that of a network of two layers; the two small ones, which
  are mostly start-up, are run five times a round.
- The program's modules are compiled beforehand, as an installation does. caffe_translator is run once.
"""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A figure that could not be measured here."""

    name: str
    why: str
    failed: bool = False


Row = Figure | Skipped


def table(rows: Sequence[Row]) -> str:
    """Return the figures as a Markdown table."""
    head = ("figure", "measured", "beside", "theirs", "result", "goal", "")
    cells = [head, *map(_cells, rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(head))]
    cells.insert(1, tuple("-" * width for width in widths))
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells)


def _cells(row: Row) -> tuple[str, ...]:
    if isinstance(row, Skipped):
        return (row.name, "", "", "", f"not measured: {row.why}", "", "")
    size = row.unit == "MB"
    goal = "" if row.goal is None else f"{'>=' if row.unit == 'x faster' else '<='} {row.goal:g} {row.unit}"
    verdict = {True: "met", False: "missed", None: ""}[row.met]
    return (row.name, _amount(row.ours, size), row.beside, _amount(row.theirs, size), _value(row), goal, verdict)


def _amount(value: float, size: bool) -> str:
    return f"{value / MB:,.0f} MB" if size else f"{value:.3g} s"


def _value(row: Figure) -> str:
    return f"{row.value:,.0f} MB" if row.unit == "MB" else f"{row.value:.3g} {row.unit}"


def as_json(rows: Sequence[Row], runs: int) -> str:
    """Return the figures, unrounded, and the machine."""
    figures = [
        {"name": row.name, "skipped": row.why} if isinstance(row, Skipped) else {**asdict(row), "met": row.met}
        for row in rows
    ]
    return json.dumps({"machine": machine(), "runs": runs, "figures": figures}, indent=1) + "\n"


def page(rows: Sequence[Row], runs: int) -> str:
    """Return the page of the documentation."""
    return _PAGE.format(runs=runs, machine=machine(), table=table(rows), notes=_NOTES)


def machine() -> str:
    """Describe this machine, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = _first(Path("/proc/cpuinfo"), r"model name\s*:\s*(.*)") or platform.machine()
    versions = ", ".join(f"{name} {found}" for name in _LIBRARIES if (found := _version(name)))
    return (
        f"The machine: {processor}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, "
        f"{platform.system()} {platform.release().split('-')[0]}, Python {platform.python_version()}, {versions}."
    )


def _first(path: Path, pattern: str) -> str:
    try:
        found = re.search(pattern, path.read_text())
    except OSError:
        return ""
    return found[1].strip() if found else ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
