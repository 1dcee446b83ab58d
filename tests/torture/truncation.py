"""A file is cut short while it is mapped: exit code 5 or 6 and a message, and sound files give the same bytes later."""

from __future__ import annotations

import faulthandler
import os
import random
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from pipeline.supervision import supervised
from tests.children import in_child
from tests.torture import trace
from tests.torture.subject import Place, Subject, a_place, changes_of, heard
from tests.torture.tally import Tally


def under_the_map(subject: Subject, folder: Path, points: int) -> Tally:
    """Cut the model, or the largest file in the store, in front of changes of the disk that are spread over a run."""
    tally = Tally("a file cut short")
    if why := trace.unavailable():
        tally.skipped = why
        return tally
    changes = changes_of(subject, folder)
    chance = random.Random(0)
    for point in range(points):
        at, victim, part = 1 + changes * point // points, ("model", "store")[point % 2], chance.random() ** 2
        with a_place(folder, f"cut {point}") as place:
            wrong = _cut_and_run_again(subject, place, tally, victim, at, part)
            tally.add(f"the {victim} to {part:.0%} before change {at}", wrong)
    return tally


def _cut_and_run_again(subject: Subject, place: Place, tally: Tally, victim: str, at: int, part: float) -> str:
    model = place.folder / subject.model.name
    shutil.copyfile(subject.model, model)
    mine = replace(subject, model=model)

    def cut(child: int) -> None:
        path = model if victim == "model" else _largest(place.store)
        if path is not None:
            os.truncate(path, int(path.stat().st_size * part))

    def work() -> int:
        heard(place)
        faulthandler.disable()  # pytest's, which reads the frames of running threads, and may fail at that (SIGSEGV)
        code = supervised(lambda: mine.convert(place))
        sys.stderr.flush()
        return code

    code = trace.traced(work, at, cut).code
    tally.count(f"ended with {code}")
    if code not in (0, 5, 6) or (code and not place.said().startswith("error: ")):
        return f"exit {code}: {place.said()}"
    shutil.copyfile(subject.model, model)
    shutil.rmtree(place.output, ignore_errors=True)  # whose large files are the store's own, by another name
    if code := in_child(lambda: mine.convert(place)):
        return f"the next run gave {code}: {place.said()}"
    return "" if place.delivered() == subject.wanted else "the result is not byte-identical"


def _largest(store: Path) -> Path | None:
    files = [path for path in store.rglob("*") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_size, default=None)
