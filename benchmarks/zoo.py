"""`python -m benchmarks.zoo`: many models by one process and two, by dask, and by as many workers as can be simulated.

Prints a table in Markdown. The large networks are written, converted and removed a few at a time: 12 GB of disk.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from benchmarks.bench import Bench, folders
from benchmarks.networks import Network, Weights, linear_chain, written
from pipeline.config import Options
from pipeline.engine import events, record, runner
from pipeline.engine.job import Job

WAYS = (("-j", "1"), ("-j", "2"), ("--scheduler", "local", "-j", "1"), ("--scheduler", "local", "-j", "2"))
WORKERS = (4, 16, 64, 256)
LINEAR = 0.85  # of twice as fast that two processes shall reach
DASK = 1.1  # times as long that dask may take
_BATCH = 20  # large networks that are on the disk together, with four copies each
_SIMULATED = (5.0, 8000)  # seconds that a simulation takes where scheduling costs nothing; models at most
_QUIET = {  # what each worker would look at of itself, on its own machine
    "distributed.admin.system-monitor.interval": "1 h",
    "distributed.admin.tick.interval": "1 s",
    "distributed.worker.profile.enabled": False,
}

Stages = Mapping[str, float]  # seconds of each


@dataclass(frozen=True, slots=True)
class Row:
    """What was done how; `share` is of what it would take ideally, or of what it is compared with."""

    zoo: str
    how: str
    models: int
    seconds: float
    share: str = ""
    goal: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        verdict = {True: "met", False: "missed", None: ""}[self.met]
        rate = f"{self.models / self.seconds:.3g}"
        return (self.zoo, self.how, f"{self.seconds:.1f} s", rate, self.share, self.goal, verdict)


def small(seed: int) -> Network:
    """Return a network that is mostly the cost of a conversion, and shares no weights with another seed's."""
    return Network(f"model-{seed}", lambda _: linear_chain(Weights(seed), 2, 16), "1x16")


def large(number: int, count: int) -> Network:
    """Return one of `count` networks between 21 and 252 MB, with its own weights; large and small ones alternate."""
    layers = 5 + round(55 * (number * 7 % count) / max(1, count - 1))
    return Network(f"large-{number}", lambda _: linear_chain(Weights(number), layers, 1024), "1x1024")


def written_zoo(networks: Sequence[Network], place: Path) -> Path:
    """Write the files of networks, and the configuration that lists them, which is given back."""
    models = [(written(network, place), network.input) for network in networks]
    config = place / "zoo.toml"
    config.write_text(
        "".join(f'[[model]]\nmodel = "{path}"\ninputs = ["{given}"]\nverify = false\n' for path, given in models)
    )
    return config


def measured(bench: Bench, zoo: str, networks: Sequence[Network], batch: int, goal: float) -> tuple[list[Row], Stages]:
    """Convert networks in each way, `batch` of them at a time; also return what the stages of a typical one took.

    `goal` is the share of a linear gain that two processes have to reach, or 0.
    """
    seconds, stages = [0.0] * len(WAYS), dict[str, float]()
    for some in _batches(networks, batch):
        with bench.place() as place:
            config = written_zoo(some, place)
            for number, way in enumerate(WAYS):
                print(f"{zoo}, {len(some)} by {' '.join(way)} ...", file=sys.stderr)
                run = place / f"run-{number}"
                seconds[number] += bench.program("convert", "--config", config, *way, *folders(run)).seconds
                stages = stages or typical(run / "output")
                if batch < len(networks):  # else they stay: where many were removed, ext4 makes new files slowly
                    shutil.rmtree(run)
                os.sync()
    one, two, dask, dasks = seconds
    compared = (
        ("", "", None),
        (f"{one / two / 2:.2f} of linear", *((f">= {goal}", one / two / 2 >= goal) if goal else ("", None))),
        (f"{dask / one:.2f} x -j 1", "", None),
        (f"{dasks / two:.2f} x -j 2", f"<= {DASK}", dasks / two <= DASK),
    )
    rows = [
        Row(zoo, f"`{' '.join(way)}`", len(networks), took, *told)
        for way, took, told in zip(WAYS, seconds, compared, strict=True)
    ]
    return rows, stages


def _batches(networks: Sequence[Network], size: int) -> Iterator[Sequence[Network]]:
    rest = iter(networks)
    while some := list(islice(rest, size)):
        yield some


def typical(output: Path) -> Stages:
    """Return the seconds of each stage of the run in the middle, and what it took besides."""
    runs = sorted((record.load(folder) for folder in record.folders(output)), key=_seconds)
    run = runs[len(runs) // 2]
    stages = {stage.name: stage.seconds for stage in run.stages}
    return {**stages, "besides": max(0.0, _seconds(run) - sum(stages.values()))}


def _seconds(run: record.RunRecord) -> float:
    from datetime import datetime

    return (datetime.fromisoformat(run.finished) - datetime.fromisoformat(run.started)).total_seconds()


def simulated(zoo: str, size: int, stages: Stages, workers: int, place: Path) -> Row:
    """Have dask do models of `size` bytes whose stages only sleep; tell what time of a processor a model costs beside.

    All workers are threads of this process, as is the scheduler: they share that processor, which real ones do not.
    """
    import dask
    from distributed import LocalCluster

    from pipeline.engine.executors.cluster import Cluster

    each = sum(stages.values())
    ideal, most = _SIMULATED
    count = min(most, workers * max(1, round(ideal / each)))
    model = place / "model"
    model.touch()
    os.truncate(model, size)
    jobs = [Job(f"m{n}", place, partial(asleep, f"m{n}", stages), reads=(model,)) for n in range(count)]
    own = {"n_workers": workers, "threads_per_worker": 1, "processes": False, "protocol": "tcp", "host": "127.0.0.1"}
    own |= {"memory_limit": None, "dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL}
    with dask.config.set(_QUIET), LocalCluster(**own) as cluster:
        executor = Cluster(Options(scheduler=cluster.scheduler_address, store=place / "store"))
        try:
            executor.start(jobs, events.unheard)
            began, used = time.perf_counter(), time.process_time()
            for result in executor.submit(jobs):
                result()
            seconds, used = time.perf_counter() - began, time.process_time() - used
        finally:
            executor.stop()
    share = f"{each * count / workers / seconds:.2f} of ideal, {1000 * used / count:.1f} ms each"
    return Row(f"simulated: {zoo}, {each:.3g} s each", f"{workers} workers", count, seconds, share)


def asleep(name: str, stages: Stages, report: events.Reporter) -> runner.Outcome:
    """Be a run that tells all that one tells, takes as long, and makes nothing."""
    made = record.RunRecord("", {"name": name}, "", [], {}, [], state="done")
    report(events.RunStarted(name, "", "", "", tuple(stages)))
    for stage, seconds in stages.items():
        report(events.StageStarted(name, stage, "", ()))
        time.sleep(seconds)
        report(events.StageFinished(name, stage, "", seconds, 0))
    report(events.RunFinished(name, "done", 0, sum(stages.values()), ""))
    return runner.Outcome(made, Path(), sum(stages.values()))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown."""
    head = ("zoo", "how", "time", "models/s", "share", "goal", "")
    lines = [head, tuple("---" for _ in head), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table; 1 where a goal was missed."""
    asked = _parser().parse_args(arguments)
    few, many = (min(asked.large, 2), min(asked.small, 100)) if asked.quick else (asked.large, asked.small)
    zoos = {
        f"{many:,} small": (10_000, [small(seed) for seed in range(many)], many, LINEAR),
        f"{few} of 20 to 250 MB": (100_000_000, [large(number, few) for number in range(few)], _BATCH, 0.0),
    }
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="zoo-", dir=asked.folder) as temporary:
        bench = Bench(Path(temporary), runs=1)
        for zoo, (size, networks, batch, goal) in zoos.items():
            if networks:
                found, stages = measured(bench, zoo, networks, batch, goal)
                rows += found
                for workers in WORKERS:
                    print(f"{zoo}, simulated by {workers} workers ...", file=sys.stderr)
                    rows.append(simulated(zoo, size, stages, workers, bench.folder))
    print(table(rows))
    return int(any(row.met is False for row in rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zoo", description=__doc__)
    parser.add_argument("--small", type=int, default=1000, metavar="N", help="how many small models (1000)")
    parser.add_argument("--large", type=int, default=40, metavar="N", help="how many large networks (40)")
    parser.add_argument("--quick", action="store_true", help="100 small models and two large networks, for trying")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where the networks lie meanwhile")
    return parser


if __name__ == "__main__":
    sys.exit(main())
