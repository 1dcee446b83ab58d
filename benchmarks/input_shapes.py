"""Measures how often the shape of a network's input is found: `python -m benchmarks.input_shapes FOLDER...`.

A folder holds folders of `model.t7`, `meta.json` (`root`; `input`, the nesting of the inputs) and `io.npz` (in0 ..),
the shapes that the network was really given. Nothing of that is shown to the solver but `root`.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import PipelineError
from pipeline.torch7 import importer
from pipeline.torch7.module import Module
from pipeline.torch7.solving.forms import Form, TableForm, specs, tensors
from pipeline.torch7.solving.solution import Solution, options
from pipeline.torch7.solving.solver import solve

SECONDS = 5.0  # of a processor that a decision may take


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one network: `right`, `wrong`, `asked` (with shapes that fit), `none`, `unsupported`."""

    name: str
    verdict: str
    seconds: float
    said: str
    true: str


def measure(folder: Path) -> Row:
    """Solve for the input of one network and compare with what it was given."""
    meta = json.loads((folder / "meta.json").read_text())
    with np.load(folder / "io.npz") as arrays:
        given = [arrays[f"in{i}"].shape for i in range(len(arrays.files)) if f"in{i}" in arrays.files]
    true = " ".join("x".join(map(str, shape)) for shape in given)
    found = importer.find_network(folder / "model.t7", meta.get("root") or None)
    if importer.unsupported(found.network):
        return Row(folder.name, "unsupported", 0.0, "", true)
    began = time.process_time()
    solution = solve(found.network, found.checkpoint)
    seconds = time.process_time() - began
    if solution.settled:
        verdict = "right" if agrees(solution, solution.form, given) else "wrong"
        return Row(folder.name, verdict, seconds, options(solution.inputs), true)
    listed = solution.choices if solution.fits else ()
    lowered = [form for form in listed if _lowers(found.network, form)]
    among = any(agrees(solution, form, given) for form in listed)
    verdict = "asked" if lowered else "none"
    return Row(
        folder.name,
        verdict,
        seconds,
        f"{solution.advice.splitlines()[0]}{' (and more)' * (len(listed) > 1)}"
        + ("; the true one is listed" if among else ""),
        true,
    )


def _lowers(root: Module, form: Form) -> bool:
    with suppress(PipelineError):
        importer.lower_for(root, specs(form), "")
        return True
    return False


def agrees(solution: Solution, form: Form, given: Sequence[tuple[int, ...]]) -> bool:
    """Return whether a form is what a network was given, but for the batch and sizes that are said to be free."""
    found = list(tensors(form))
    if isinstance(form, TableForm) and form.repeats:
        found = [found[i % len(found)] for i in range(len(given))]
    free = {place for item in solution.free if item.largest is None for place in item.group}
    if len(found) != len(given):
        return False
    for (path, tensor), true in zip(found, given, strict=True):
        shape, start = tensor.shape, int(tensor.batch)
        if len(true) not in (len(shape), len(shape) - start):
            return False
        sample = true[len(true) - len(shape) + start :]
        for axis, (ours, theirs) in enumerate(zip(shape[start:], sample, strict=True), start):
            if ours != theirs and (path, axis) not in free:
                return False
    return True


def rows(folders: Sequence[Path]) -> Iterator[Row]:
    """Measure every network in the folders."""
    for folder in folders:
        for model in sorted(folder.glob("*/model.t7")):
            if (model.with_name("io.npz")).is_file():
                yield measure(model.parent)


def main(folders: Sequence[Path]) -> int:
    """Print a row for each network and the sums; 1 where a shape is wrong or took too long."""
    count = Counter[str]()
    slowest = 0.0
    for row in rows(folders):
        count[row.verdict] += 1
        slowest = max(slowest, row.seconds)
        print(f"{row.name:45} {row.verdict:11} {row.seconds:5.2f} s  {row.said}  [{row.true}]", flush=True)
    print(", ".join(f"{number} {verdict}" for verdict, number in count.most_common()), f"; slowest {slowest:.2f} s")
    return int(count["wrong"] > 0 or slowest > SECONDS)


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
