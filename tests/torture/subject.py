"""What is tortured: conversions of one network by the real command line, each in a process and a folder of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.networks import Weights, linear_chain
from pipeline.engine.reporters import LOG
from pipeline.store import collect
from pipeline.store.store import Artifact, Store
from pipeline.wire.digest import file_digest
from tests.children import in_child
from tests.torch7.writer import save
from tests.torture import trace

MODELS = 3


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of one conversion: its output, its store, and what was said."""

    folder: Path

    @property
    def output(self) -> Path:
        return self.folder / "out"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def talk(self) -> Path:
        """Return the file that holds what the last command wrote."""
        return self.folder.with_name(f"{self.folder.name}.stderr")

    def said(self) -> str:
        """Return what the last command wrote to stderr."""
        return self.talk.read_text() if self.talk.exists() else ""

    def delivered(self, model: str = "") -> dict[str, str]:
        """Return the digest of every file of the output, or of that of one of several models, without the record."""
        ours = ("run.json", LOG)
        return {path.name: file_digest(path) for path in (self.output / model).iterdir() if path.name not in ours}

    def stages(self, state: str) -> set[str]:
        """Return the stages of the last run that are in a state."""
        record = json.loads((self.output / "run.json").read_text())
        return {stage["name"] for stage in record["stages"] if stage["state"] == state}

    def told(self) -> set[str]:
        """Return the stages that runs have told to be finished."""
        told = self.events() if (self.output / LOG).exists() else []
        return {event["stage"] for event in told if event["event"] == "stage_finished"}

    def events(self) -> list[dict[str, str]]:
        """Return what runs have told, in their log."""
        return [json.loads(line) for line in (self.output / LOG).read_text().splitlines()]

    def finished(self) -> set[str]:
        """Return the stages whose artifacts are in the store, whatever became of the run."""
        found = Store(self.store, create=False).artifacts() if self.store.exists() else ()
        return {artifact.manifest["stage"] for artifact in found if isinstance(artifact, Artifact)}


@dataclass(frozen=True, slots=True)
class Subject:
    """A network's file, how it is converted, and what an undisturbed run of it gave."""

    model: Path
    options: tuple[str, ...]
    wanted: dict[str, str] = field(default_factory=dict)
    others: tuple[Path, ...] = ()  # networks of the same layers with other weights

    def convert(self, place: Place) -> int:
        """Convert in this process; give the exit code."""
        where = ("--output", str(place.output), "--store", str(place.store))
        return say(place, ["convert", str(self.model), *self.options, *where, "-q"])

    def resume(self, place: Place, *more: str) -> int:
        """Go on in this process as a user would: from the record where there is one, else from the start."""
        if (place.output / "run.json").exists():
            return say(place, ["resume", str(place.output), "-q", *more])
        return self.convert(place)

    def wrong_after(self, place: Place, finished: set[str], code: int) -> str:
        """Say what is wrong with a place after a resume; empty where everything is as it must be."""
        if code:
            return f"the resume gave {code}: {place.said()}"
        if place.delivered() != self.wanted:
            return "the result is not byte-identical"
        if place.stages("hit") != finished:
            return f"finished were {sorted(finished)}, cached were {sorted(place.stages('hit'))}"
        store = Store(place.store)
        if problems := collect.check(store):
            return f"cache check: {problems}"
        if left := [path.name for path in (place.store / "sessions").iterdir()]:
            return f"left in the store: {left}"
        return ""


def say(place: Place, words: Sequence[str]) -> int:
    """Run a command in this process, keep what it says, and give its exit code."""
    from pipeline.cli import app

    heard(place)
    code = app.run(words)
    sys.stderr.flush()
    return code


def heard(place: Place) -> None:
    """Keep from now on what this process says, and nothing that was said before."""
    descriptor = os.open(place.talk, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)


def prepared(folder: Path, width: int, *options: str) -> Subject:
    """Write networks of four linear layers, and convert one undisturbed, twice, for the bytes that runs must give.

    Loads what runs will need.
    """
    import importlib

    model, *others = (save(folder / f"model{seed}.t7", linear_chain(Weights(seed), 4, width)) for seed in range(MODELS))
    options = ("--input", f"1x{width}", "--runtime", "none", *options)

    loaded = ["pipeline.caffe.format", "pipeline.torch7.importer", "pipeline.caffe.write", "pipeline.caffe.read"]
    loaded += ["pipeline.caffe2.files", "pipeline.caffe2.write", "pipeline.graph.serialization", "networkx"]
    if "--no-verify" not in options:
        loaded += ["torch", "pipeline.verification.divergence", "pipeline.verification.verification"]
        loaded += ["pipeline.runtimes.discovery", "pipeline.caffe2.read", "pipeline.verification.feeds"]
    for name in loaded:
        importlib.import_module(name)
    if "torch" in loaded:
        sys.modules["torch"].set_num_threads(1)  # a pool of threads does not outlive a fork
    subject = Subject(model, options)
    results = []
    for name in ("first", "second"):
        place = Place(folder / name)
        place.folder.mkdir()
        if in_child(lambda place=place: subject.convert(place)):
            raise RuntimeError(place.said())
        results.append(place.delivered())
        shutil.rmtree(place.folder)
    if results[0] != results[1]:
        raise RuntimeError("two undisturbed runs differ")
    return Subject(model, options, results[0], tuple(others))


@contextmanager
def a_place(folder: Path, name: str) -> Iterator[Place]:
    """Return a fresh place that is gone afterwards."""
    place = Place(folder / re.sub(r"\W+", "-", name))
    place.folder.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place.folder, ignore_errors=True)


def changes_of(subject: Subject, folder: Path) -> int:
    """Count how often an undisturbed run changes the disk."""
    with a_place(folder, "counted") as place:
        return trace.traced(lambda: subject.convert(place)).changes
