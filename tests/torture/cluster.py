"""A zoo on a dask cluster, in which a worker, the scheduler or the client is killed at any moment."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from pipeline.engine.reporters import LOG
from pipeline.errors import MachineError
from pipeline.store import collect
from pipeline.store.store import Store
from tests.torture.subject import Place, Subject, a_place
from tests.torture.tally import Tally

WORKERS = 2
_VICTIMS = ("worker", "worker", "worker", "worker", "worker", "scheduler", "client")
_LEFT = "was left behind"  # by a client or worker that was killed: not damage


class _Cluster:
    """A scheduler and its workers, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"

    def __enter__(self) -> _Cluster:
        self.scheduler = self._start(
            "scheduler", "--port", "0", "--dashboard-address", "127.0.0.1:0", "--host", "127.0.0.1"
        )
        self.workers = [self.worker() for _ in range(WORKERS)]
        return self

    def __exit__(self, *error: object) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
        self.file.unlink(missing_ok=True)

    def worker(self) -> subprocess.Popen[bytes]:
        return self._start("worker", "--nthreads", "1", "--no-nanny")

    def address(self) -> str:
        while True:
            try:
                return str(json.loads(self.file.read_text())["address"])
            except (OSError, ValueError):
                time.sleep(0.05)

    def _start(self, kind: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", str(self.file), *words]
        command += ["--dashboard-address", "127.0.0.1:0"]
        with (self.folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)


def cluster(subject: Subject, folder: Path, points: int) -> Tally:
    """Kill a worker of a running zoo, its scheduler or its client, so many times; then see that nothing was lost."""
    tally = Tally("processes of a cluster killed")
    if find_spec("distributed") is None:
        tally.skipped = "no dask is installed"
        return tally
    draw = random.Random(points)
    with a_place(folder, "undisturbed") as place, _Cluster(place.folder) as running:
        _convert(subject, place, running).wait()
        stages = len(_started(place))
    for number in range(points):
        with a_place(folder, f"cluster {number}") as place, _Cluster(place.folder) as running:
            victim = _VICTIMS[number % len(_VICTIMS)]
            moment = draw.uniform(0, stages)
            tally.add(f"{number}, {victim} at {moment:.2f}", _killed(subject, place, running, victim, moment))
            tally.count(f"times the {victim}")
            tally.count("stages run again", _again(place))
    return tally


def _killed(subject: Subject, place: Place, running: _Cluster, victim: str, moment: float) -> str:
    """Kill a victim once so many stages were begun, and up to a tenth of a second more; say what is wrong then."""
    client = _convert(subject, place, running)
    while len(_started(place)) <= int(moment) and client.poll() is None:
        time.sleep(0.002)
    time.sleep((moment % 1) / 10)
    process = {"worker": running.workers[0], "scheduler": running.scheduler, "client": client}[victim]
    process.kill()
    process.wait()
    published = _published(place)
    if victim == "worker":
        running.workers[0] = running.worker()
    code = client.wait()
    if victim == "worker" and code:
        return f"exit {code}: {place.said()}"
    if victim == "scheduler" and code not in (0, MachineError.exit_code):
        return f"exit {code} without a scheduler: {place.said()}"
    if victim != "worker":
        running.__exit__()
        running.__enter__()
        if code := _convert(subject, place, running).wait():
            return f"exit {code} of the same command again: {place.said()}"
    if not published.items() <= _published(place).items():
        return "what was published is published anew"
    if _again(place) > (1 if victim == "worker" else WORKERS):
        return f"{_again(place)} stages ran again"
    return _wrong(subject, place)


def _published(place: Place) -> dict[str, bytes]:
    """Return the manifest of every artifact, which tells when and by which run it was made, by its key."""
    return {path.parent.name: path.read_bytes() for path in place.store.glob("artifacts/??/*/manifest.json")}


def _started(place: Place) -> list[tuple[str, str]]:
    """Return the model and stage of each stage that was started, in all runs into a place."""
    lines = [line for path in place.output.glob(f"*/{LOG}") for line in path.read_text().splitlines()]
    told = [json.loads(line) for line in lines if line.endswith("}")]  # a killed process leaves half a one
    return [(event["model"], event["stage"]) for event in told if event["event"] == "stage_started"]


def _again(place: Place) -> int:
    """Return how often a stage was started that had been started before."""
    return len(_started(place)) - len(set(_started(place)))


def _convert(subject: Subject, place: Place, running: _Cluster) -> subprocess.Popen[bytes]:
    models = (subject.model, *subject.others)
    command = [sys.executable, "-m", "pipeline", "convert", *map(str, models), *subject.options]
    command += ["--output", str(place.output), "--store", str(place.store), "--scheduler", running.address(), "-q"]
    with place.talk.open("wb") as said:
        return subprocess.Popen(command, stdout=said, stderr=said, env=os.environ)


def _wrong(subject: Subject, place: Place) -> str:
    """Say what is wrong with a zoo that was finished; empty where everything is as it must be."""
    models = [path.stem for path in (subject.model, *subject.others)]
    store = Store(place.store)
    if problems := [f"{name} {what}" for name, what in collect.check(store) if _LEFT not in what]:
        return f"cache check: {problems}"
    records = [json.loads((place.output / name / "run.json").read_text()) for name in models]
    if states := [record["state"] for record in records if record["state"] != "done"]:
        return f"runs are {states}"
    keys = {stage["key"] for record in records for stage in record["stages"]}
    if keys != set(store.every_key()):
        return f"{len(store.every_key())} artifacts of {len(keys)} stages"
    if place.delivered(models[0]) != subject.wanted:
        return "the result is not byte-identical"
    return ""
