"""Every figure of the benchmark: what is measured, beside what, and the goal for it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Literal

from benchmarks import peers
from benchmarks.bench import Bench, folders
from benchmarks.measure import Cost, in_turn, seconds_of
from benchmarks.networks import Network, written
from benchmarks.zoo import small, written_zoo

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `ours` and `theirs` are seconds or bytes; `value` is what the goal is about."""

    name: str
    beside: str
    ours: float
    theirs: float
    value: float
    unit: Literal["x", "x faster", "s", "MB"]
    goal: float | None = None
    details: dict[str, float] = field(default_factory=dict)

    @property
    def met(self) -> bool | None:
        """Return whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.unit == "x faster" else self.value <= self.goal


Measurement = Callable[[Bench], Figure]
FIGURES: dict[str, Measurement] = {}


def figure(name: str) -> Callable[[Measurement], Measurement]:
    """Register a measurement under the name that `--only` takes."""

    def add(measurement: Measurement) -> Measurement:
        FIGURES[name] = measurement
        return measurement

    return add


def _cold(name: str, goal: float | None, bench: Bench) -> Figure:
    """Time the whole pipeline beside three copies of its file: as many files as it writes."""
    _, path = bench.network(name)

    def copies() -> float:
        with bench.place() as place:
            return peers.copy_and_sync(path, place, 3)

    ours, theirs = in_turn(bench.runs, lambda: bench.cold(name).seconds, copies)
    return Figure(f"{name}: t7 to Caffe2, cold", "3 x cp + sync", ours, theirs, ours / theirs, "x", goal)


def _memory(name: str, bench: Bench) -> Figure:
    ours, theirs = bench.peak(name), bench.empty.memory
    return Figure(f"{name}: private memory", "--version", ours, theirs, (ours - theirs) / MB, "MB", 150)


for big, goal in (
    ("VGG-16", 2.0),
    ("AlexNet-OWT", None),
    ("ResNet-152", None),
    ("GoogLeNet", None),
    ("28 Linear", None),
):
    FIGURES[f"cold {big}"] = partial(_cold, big, goal)
    FIGURES[f"memory {big}"] = partial(_memory, big)


def _onnx(bench: Bench, place: Path, *words: str) -> Cost:
    return bench.convert("VGG-16", place, "--no-verify", "--to", "onnx", *words)


def _one_copy(bench: Bench) -> float:
    _, path = bench.network("VGG-16")
    with bench.place() as place:
        return peers.copy_and_sync(path, place, 1)


@figure("cold onnx")
def cold_onnx(bench: Bench) -> Figure:
    """The whole way to ONNX but for the start of the program, beside one copy of its file; the graph is written too."""

    def ours() -> float:
        with bench.place() as place:
            return _onnx(bench, place).seconds - bench.empty.seconds

    mine, theirs = in_turn(bench.runs, ours, lambda: _one_copy(bench))
    return Figure("VGG-16: t7 to ONNX, cold", "cp + sync", mine, theirs, mine / theirs, "x", 1.2)


@figure("onnx")
def onnx(bench: Bench) -> Figure:
    """The last step to ONNX, from a graph that is there, but for the start of the program: it writes one file."""

    def ours() -> float:
        with bench.place() as place:
            _onnx(bench, place, "--stop-after", "import")
            os.sync()
            return _onnx(bench, place).seconds - bench.empty.seconds

    mine, theirs = in_turn(bench.runs, ours, lambda: _one_copy(bench))
    return Figure("VGG-16: graph to ONNX", "cp + sync", mine, theirs, mine / theirs, "x", None)


@figure("memory onnx")
def memory_onnx(bench: Bench) -> Figure:
    """The most private memory on the whole way to ONNX, above that of a program that does nothing."""
    with bench.place() as place:
        ours, theirs = _onnx(bench, place).memory, bench.empty.memory
    return Figure("VGG-16: private memory, to ONNX", "--version", ours, theirs, (ours - theirs) / MB, "MB", 150)


@figure("translate")
def translate(bench: Bench) -> Figure:
    """Caffe to Caffe2 alone, beside the translator that came with Caffe2."""
    with bench.place() as place:
        bench.convert("VGG-16", place, "--no-verify", "--stop-after", "emit")
        prototxt, caffemodel = place / "output" / "deploy.prototxt", place / "output" / "model.caffemodel"

        def ours() -> float:
            shutil.rmtree(place / "again", ignore_errors=True)
            os.sync()
            words = ("--weights", caffemodel, "--no-verify", *folders(place / "again"))
            return bench.program("convert", prototxt, *words).seconds

        mine, theirs = in_turn(bench.runs, ours, lambda: peers.caffe_translator(prototxt, caffemodel, place))
    return Figure("VGG-16: Caffe to Caffe2", "caffe_translator", mine, theirs, theirs / mine, "x faster", 60)


@figure("read")
def read(bench: Bench) -> Figure:
    """Reading a binary file: ours maps it, and leaves the numbers where they are."""
    from pipeline.torch7 import reader

    _, path = bench.network("VGG-16")
    reader.load(bench.network("small")[1])  # once before, for what it imports
    ours, theirs = in_turn(
        bench.runs, lambda: seconds_of(lambda: reader.load(path)), lambda: peers.torchfile_load(path)
    )
    return Figure("VGG-16: reading the t7", "torchfile", ours, theirs, theirs / ours, "x faster", 20)


@figure("read ascii")
def read_ascii(bench: Bench) -> Figure:
    """Reading numbers that are text, 50 MB of them."""
    from pipeline.torch7 import reader

    size = 10_000 if bench.quick else 4_400_000
    network = Network("ascii", lambda weights: weights.draw(size // 100, 100), "")  # type: ignore[arg-type, return-value]
    path = written(network, bench.folder, ascii=True)
    ours, theirs = in_turn(
        bench.runs, lambda: seconds_of(lambda: reader.load(path)), lambda: peers.opencv_read_tensor(path)
    )
    return Figure("50 MB of ascii: reading the t7", "OpenCV", ours, theirs, ours / theirs, "x", 1.0)


def _verified(bench: Bench) -> tuple[float, float, int]:
    """Convert VGG-16 with verification; give the seconds of that stage, those of reading its files, and the peak."""
    _, path = bench.network("VGG-16")
    with bench.place() as place:
        cost = bench.convert("VGG-16", place, "--runtime", "none")
        record = json.loads((place / "output" / "run.json").read_text())
        files = [path, *(p for p in place.glob("store/artifacts/*/*/*") if p.stat().st_size > MB)]
        reading = seconds_of(lambda: [_read(file) for file in files])
    return next(stage["seconds"] for stage in record["stages"] if stage["name"] == "verify"), reading, cost.memory


def _read(path: Path) -> None:
    with path.open("rb", buffering=0) as file:
        buffer = bytearray(8 << 20)
        while file.readinto(buffer):
            pass


@figure("verify")
def verify(bench: Bench) -> Figure:
    """Verification by PyTorch, beside a process of PyTorch that does five passes, and one reading of all files."""
    words = ["-m", "benchmarks.forward", *(["--quick"] if bench.quick else [])]
    rounds = [(*_verified(bench), bench.python(*words).seconds) for _ in range(bench.runs)]
    ours, reading, _, passes = (median(column) for column in zip(*rounds, strict=True))
    theirs, details = reading + passes, {"reading": reading, "passes": passes}
    return Figure("VGG-16: verification", "5 passes + reading", ours, theirs, ours / theirs, "x", 1.0, details)


@figure("verify memory")
def verify_memory(bench: Bench) -> Figure:
    """Private memory with verification, beside the weights themselves."""
    _, path = bench.network("VGG-16")
    peak, size = _verified(bench)[2], path.stat().st_size
    return Figure("VGG-16: private memory, verified", "the weights", peak, size, (peak - size) / MB, "MB", 600)


@figure("layers")
def layers(bench: Bench) -> Figure:
    """What 5,000 layers cost, beside 500, in time of processors; that of a network of two layers is taken off both.

    Of what is mostly start-up, whose pace varies by as much as 500 layers take, one round is the mean of five runs.
    """

    def work(name: str, times: int) -> Callable[[], float]:
        return lambda: fmean(bench.cold(name).cpu for _ in range(times))

    small, few, many = in_turn(bench.runs, work("small", 5), work("500 layers", 5), work("5000 layers", 1))
    value = (many - small) / (few - small)
    return Figure("5,000 layers", "500 layers", many - small, few - small, value, "x", 11, {"two layers": small})


@figure("cached")
def cached(bench: Bench) -> Figure:
    """Converting again after everything known of unchanged files is forgotten: all content is digested again."""
    _, path = bench.network("VGG-16")
    with bench.place() as place:
        bench.convert("VGG-16", place, "--no-verify")

        def again() -> float:
            shutil.rmtree(place / "store" / "digests")
            return bench.convert("VGG-16", place, "--no-verify").seconds

        ours, digest = in_turn(bench.runs, again, lambda: peers.sha256sum(path))
    start = bench.empty.seconds
    value = (ours - start) / digest
    return Figure(
        "VGG-16: again, digests checked", "sha256sum", ours - start, digest, value, "x", 1.2, {"start-up": start}
    )


@figure("unchanged")
def unchanged(bench: Bench) -> Figure:
    """Converting again where nothing was touched."""
    with bench.place() as place:
        bench.convert("VGG-16", place, "--no-verify")
        bench.convert("VGG-16", place, "--no-verify")
        ours, theirs = in_turn(
            bench.runs,
            lambda: bench.convert("VGG-16", place, "--no-verify").seconds,
            lambda: bench.program("--version").seconds,
        )
    return Figure("VGG-16: again, nothing touched", "--version", ours, theirs, ours, "s", 0.4)


@figure("help")
def help_(bench: Bench) -> Figure:
    """The answer to --help."""
    ours, theirs = in_turn(
        bench.runs, lambda: bench.program("--help").seconds, lambda: bench.program("--version").seconds
    )
    return Figure("--help", "--version", ours, theirs, ours, "s", 0.2)


@figure("zoo")
def zoo(bench: Bench) -> Figure:
    """Many small models by one process pool, beside as many processes one after the other."""
    count = 4 if bench.quick else 100
    with bench.place() as place:
        config = written_zoo([small(seed) for seed in range(count)], place)
        models = sorted(place.glob("*.t7"))

        def together() -> float:
            shutil.rmtree(place / "one", ignore_errors=True)
            return bench.program("convert", "--config", config, "-j", "2", *folders(place / "one")).seconds

        def apart() -> float:
            shutil.rmtree(place / "each", ignore_errors=True)
            return sum(_alone(bench, model, place / "each") for model in models)

        ours, theirs = in_turn(bench.runs, together, apart)
    return Figure(f"{count} small models, -j 2", f"{count} processes", ours, theirs, theirs / ours, "x faster", 4)


@figure("inspect")
def inspect(bench: Bench) -> Figure:
    """A first look at a caffemodel as large as protobuf allows, beside a program that does nothing."""
    with bench.place() as place:
        caffemodel = place / "large.caffemodel"
        _write_caffemodel(caffemodel, layers=2 if bench.quick else 511)
        costs = [bench.program("inspect", caffemodel) for _ in range(bench.runs)]
    private = (max(cost.memory for cost in costs) - bench.empty.memory) / MB
    ours = median(cost.seconds for cost in costs)
    return Figure(
        "inspect of a 2 GB caffemodel", "--version", ours, bench.empty.seconds, ours, "s", 1.0, {"MB": private}
    )


def _write_caffemodel(path: Path, layers: int) -> None:
    """Write a chain of InnerProducts of 1024 x 1024: 4.2 MB each."""
    import numpy as np

    from pipeline.caffe.files import CaffeNet, write_pair
    from pipeline.caffe.schema import NetParameter

    weight = np.zeros((1024, 1024), np.float32)
    net = NetParameter(name="large")
    for number in range(layers):
        net.layer.add(name=f"ip{number}", type="InnerProduct", bottom=[f"ip{number - 1}"], top=[f"ip{number}"])
    write_pair(CaffeNet(net, {layer.name: (weight,) for layer in net.layer}), path.with_suffix(".prototxt"), path)


def _alone(bench: Bench, model: Path, place: Path) -> float:
    words = ("--store", place / "store", "--output", place / model.stem, "--progress", "none", "--no-verify")
    return bench.program("convert", model, "--input", "1x16", *words).seconds
