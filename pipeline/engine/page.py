"""Writes the report of a run: what its folder and the store tell of it, as one page."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.engine import record
from pipeline.engine.status import look
from pipeline.errors import UsageError
from pipeline.stages.discovery import discover
from pipeline.store import ledger
from pipeline.store.machine import on_machine
from pipeline.store.store import Artifact, Store
from pipeline.store.writing import replace

if TYPE_CHECKING:
    from pipeline.report.data import Report

NAME = "report.html"
GENERATOR = b'<meta name="generator" content="torch2caffe2">'
_HEAD = 4096  # bytes of a page in which that stands


def gather(folder: Path) -> Report:
    """Collect what is known of the run of an output folder. Raises UsageError where no run went there."""
    from pipeline.report.gather import gather as collect

    found = look(folder)
    store = Store(ledger.own_store(folder, found.record.mark, found.record.store), create=False)
    stored = {stage.key: store.read(stage.key) for stage in found.record.stages if stage.key}
    reads = {stage.name: stage.reads for stage in discover()}
    manifests = {key: artifact.manifest for key, artifact in stored.items() if isinstance(artifact, Artifact)}
    with on_machine("reading the output folder", folder):
        return collect(folder, found.as_json(), reads, manifests)


def refuse_foreign(place: Path) -> None:
    """Raise UsageError where something lies at `place` that is no report of ours."""
    if not os.path.lexists(place):
        return
    with suppress(OSError):
        if place.is_file() and not place.is_symlink():
            with place.open("rb") as stream:
                if GENERATOR in stream.read(_HEAD):
                    return
    raise UsageError(
        f"{place} would be overwritten",
        why="what is there is no report of this program",
        advice="choose another file with --report, or move it away",
    )


def write(folder: Path, target: Path | None = None) -> Path:
    """Write the report of an output folder to `target`, or beside its files; give where it is."""
    from pipeline.report.render import render

    return _place(target or folder / NAME, render(gather(folder)))


def write_all(folder: Path, folders: Iterable[Path], target: Path | None = None) -> Path:
    """Write the reports of several output folders beside their files, and a page that leads to them; give where it is.

    That is `target`, or in the `folder` that holds them.
    """
    from pipeline.report.render import render, render_index

    place = target or folder / NAME
    reports = {each: gather(each) for each in folders}
    for each, report in reports.items():
        _place(each / NAME, render(report))
    beside = {os.path.relpath(each / NAME, place.parent): report for each, report in reports.items()}
    return _place(place, render_index(beside))


def _place(place: Path, page: str) -> Path:
    refuse_foreign(place)
    with on_machine("writing the report", place):
        place.parent.mkdir(parents=True, exist_ok=True)
        replace(place, page.encode())
    return place


def write_asked(folders: Iterable[Path]) -> list[Path]:
    """Write the reports that runs were asked for; those that share a file get one each, named after the model.

    A folder whose record is gone, which its run has told of, gets none.
    """
    asked: dict[Path, list[tuple[Path, str]]] = {}
    for folder in folders:
        options = found.asked() if (found := record.previous(folder)) else None
        if options and options.report is not None:
            asked.setdefault(options.report, []).append((folder, options.name))
    return [
        write(folder, target if len(sharing) == 1 else target.with_name(f"{target.stem}-{name}{target.suffix}"))
        for target, sharing in asked.items()
        for folder, name in sharing
    ]
