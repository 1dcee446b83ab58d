"""What the figures are measured with: the networks' files, and conversions of them in fresh folders."""

from __future__ import annotations

import compileall
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import median

from benchmarks.measure import Cost, run
from benchmarks.networks import NETWORKS, Network, written

_ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Bench:
    """A folder for big files, the number of runs, and whether small networks stand in for the big ones."""

    folder: Path
    runs: int
    quick: bool = False
    _costs: dict[str, list[Cost]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Compile the program, as its installation does: Python writes no bytecode where it is told not to."""
        compileall.compile_dir(_ROOT / "pipeline", quiet=2)

    def network(self, name: str) -> tuple[Network, Path]:
        """Return a network and its file."""
        wanted = {"500 layers": "20 layers", "5000 layers": "200 layers"}.get(name, "small") if self.quick else name
        network = next(network for network in NETWORKS if network.name == wanted)
        return network, written(network, self.folder)

    def program(self, *words: str | Path) -> Cost:
        """Run torch2caffe2."""
        return self.python("-m", "pipeline", *words)

    def python(self, *words: str | Path) -> Cost:
        """Run this Python, which finds the checkout."""
        return run([sys.executable, *words], {"PYTHONPATH": str(_ROOT)})

    @contextmanager
    def place(self) -> Iterator[Path]:
        """Return a fresh folder; what was written there, and all else, is on the disk before the next measurement."""
        place = self.folder / "place"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        os.sync()
        try:
            yield place
        finally:
            shutil.rmtree(place)

    def convert(self, name: str, place: Path, *words: str | Path) -> Cost:
        """Convert a network, from the file to Caffe2, into a store of its own in `place`."""
        network, path = self.network(name)
        return self.program("convert", path, "--input", network.input, *words, *folders(place))

    def cold(self, name: str) -> Cost:
        """Convert a network with nothing cached and without verification."""
        with self.place() as place:
            cost = self.convert(name, place, "--no-verify")
        self._costs.setdefault(name, []).append(cost)
        return cost

    def peak(self, name: str) -> int:
        """Return the most private memory that a cold conversion took."""
        return max(cost.memory for cost in self._costs.get(name) or [self.cold(name)])

    @cached_property
    def empty(self) -> Cost:
        """Return the cost of a program that does nothing: the least memory and the median time of some starts."""
        costs = [self.program("--version") for _ in range(max(3, self.runs))]
        return Cost(
            median(cost.seconds for cost in costs),
            median(cost.cpu for cost in costs),
            max(cost.memory for cost in costs),
        )


def folders(place: Path) -> Sequence[str | Path]:
    """Return the options that keep a conversion's store and output in `place`."""
    return "--store", place / "store", "--output", place / "output", "--progress", "none"
