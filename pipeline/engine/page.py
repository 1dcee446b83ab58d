"""Writes the report of a run as one page, from its folder and the store."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.engine import record, user_files
from pipeline.engine.status import look
from pipeline.errors import UsageError
from pipeline.stages.discovery import discover
from pipeline.store import ledger
from pipeline.store.machine import on_machine
from pipeline.store.store import Artifact, Store

if TYPE_CHECKING:
    from pipeline.report.data import Report

NAME = "report.html"


def gather(folder: Path) -> Report:
    """Collect what is known about the run of an output folder. Raises UsageError if it is not one."""
    from pipeline.report.gather import gather as collect

    found = look(folder)
    store = Store(ledger.own_store(folder, found.record.mark, found.record.store), create=False)
    stored = {stage.key: store.read(stage.key) for stage in found.record.stages if stage.key}
    reads = {stage.name: stage.reads for stage in discover()}
    manifests = {key: artifact.manifest for key, artifact in stored.items() if isinstance(artifact, Artifact)}
    named = found.record.options.get("reference") or ""
    known = named and named == ledger.vouched(folder, found.record.mark).reference
    with on_machine("reading the output folder", folder):
        return collect(folder, found.as_json(), reads, manifests, Path(named) if known else None)


def files(place: Path) -> tuple[Path, Path]:
    """Return the files of the report at `place`: the page, and its JSON."""
    return place, place.with_suffix(".json")


def refuse_foreign(place: Path) -> None:
    """Raise UsageError if a report at `place`, or its JSON, would overwrite another file."""
    if place.is_dir():
        raise UsageError(f"{place} is a folder", why="a report is a file", advice="name a file in it")
    if place.suffix == ".json":
        raise UsageError(f"{place} is to be a page", why="its JSON is written beside it", advice="call it .html")
    for path in files(place):
        user_files.refuse_foreign(path)


def write(folder: Path, target: Path | None = None) -> Path:
    """Write the report of an output folder and its JSON to `target`, or into the folder, and return its path."""
    return _write(gather(folder), target or folder / NAME)


def write_all(place: Path, pages: Mapping[Path, Path]) -> Path:
    """Write the report of each output folder to its page, and one about all of them to `place`; return `place`."""
    from pipeline.report import zoo
    from pipeline.report.render import render_zoo

    refuse_foreign(place)
    rows = []
    for folder, page in pages.items():
        report = gather(folder)
        _write(report, page)
        rows.append(zoo.row(report, *(os.path.relpath(path, place.parent) for path in (page, folder))))
    return _place(place, render_zoo(rows), zoo.as_json(rows))


def _write(report: Report, place: Path) -> Path:
    from pipeline.report.data import as_json
    from pipeline.report.render import render

    return _place(place, render(report), as_json([report]))


def _place(place: Path, page: str, data: Any) -> Path:  # noqa: ANN401 - any JSON value
    refuse_foreign(place)
    user_files.write(place.with_suffix(".json"), (json.dumps(data, indent=2) + "\n").encode(), "report")
    return user_files.write(place, page.encode(), "report")


def write_asked(folders: Iterable[Path]) -> list[Path]:
    """Write the reports that the options of runs asked for, and return their paths.

    If several runs share a file, it becomes the page about all of them, and each run gets a page beside it that is
    named after its model. A folder without a readable record gets none.
    """
    asked: dict[Path, list[tuple[Path, str]]] = {}
    for folder in folders:
        options = found.asked() if (found := record.previous(folder)) else None
        if options and options.report is not None:
            asked.setdefault(options.report, []).append((folder, options.name))
    return [
        write(sharing[0][0], target)
        if len(sharing) == 1
        else write_all(target, {f: target.with_name(f"{target.stem}-{name}{target.suffix}") for f, name in sharing})
        for target, sharing in asked.items()
    ]
