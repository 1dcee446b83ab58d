"""Which program judges which networks, and what it finds: `python -m benchmarks.judges FOLDER ...`.

Folders are those of `benchmarks.exits`, each a column of the table. Every network is written in every format, and every
runtime that is found runs what it reads, with the fixture's inputs; what it gives is compared with the outputs of the
fixture, which Torch7 or Caffe has computed. So is what this program's own evaluator gives.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.exits import TOLERANCE, Fixture, fixtures, graph_of, specs
from pipeline.caffe import files as caffe_files
from pipeline.caffe.format import CAFFE
from pipeline.caffe.read import read as read_caffe
from pipeline.caffe2.format import CAFFE2
from pipeline.errors import PipelineError, UnsupportedError
from pipeline.graph.comparison import compare
from pipeline.graph.copies import without
from pipeline.graph.evaluation import run as evaluated
from pipeline.graph.format import Format
from pipeline.graph.input_spec import places
from pipeline.graph.operators import Dropout
from pipeline.graph.values import Graph
from pipeline.onnx.format import ONNX
from pipeline.pytorch.format import PYTORCH
from pipeline.runtimes.discovery import runtimes
from pipeline.runtimes.runtime import Job, Runtime, Worker, opened

OURSELVES = "torch2caffe2"
# "Refused": the format cannot express the network, or the runtime is known to be wrong about a layer of it.
WORDS = ("right", "wrong", "cannot", "refused")
_SECONDS = 600  # for one network in one runtime


@dataclass(frozen=True)
class Files:
    """A network in one format, or why it is not: its files, and what its inputs and outputs are called."""

    files: Mapping[str, Path]
    inputs: Sequence[str]
    outputs: Sequence[str]
    refused: str = ""


def written(fixture: Fixture, graph: Graph, folder: Path) -> Iterator[tuple[str, Files]]:
    """Write a network in each format, with the file that it came from in front."""
    names = [value.name for value in graph.inputs], [value.name for value in graph.outputs]
    yield from _to_caffe2(fixture, graph, names, folder)
    if fixture.model.suffix == ".t7" and not fixture.meta.get("root"):
        yield "t7", Files({"t7": fixture.model}, places(specs(fixture)), names[1])
    for known in (ONNX, PYTORCH):
        yield known.name, _made(known, graph, folder)


def _to_caffe2(
    fixture: Fixture, graph: Graph, names: tuple[Sequence[str], Sequence[str]], folder: Path
) -> Iterator[tuple[str, Files]]:
    """Write a network for Caffe, if it is none, and from there for Caffe2."""
    try:
        if fixture.model.suffix == ".t7":
            pair = CAFFE.write(without(Dropout, graph), folder)
            yield CAFFE.name, Files(pair.files, pair.inputs, pair.outputs)
            graph = read_caffe(caffe_files.read_pair(*pair.files.values()), outputs=pair.outputs)
        else:
            own = {"prototxt": fixture.model, "caffemodel": fixture.model.with_name("weights.caffemodel")}
            yield CAFFE.name, Files(own, *names)
    except UnsupportedError as error:
        yield CAFFE.name, _refused(error)
        return
    yield CAFFE2.name, _made(CAFFE2, graph, folder)


def _made(known: Format, graph: Graph, folder: Path) -> Files:
    """Write a network in a format, where that takes it."""
    try:
        made = known.write(graph, folder)
    except UnsupportedError as error:
        return _refused(error)
    return Files(made.files, made.inputs, made.outputs)


def _refused(error: UnsupportedError) -> Files:
    return Files({}, (), (), "; ".join(f"{p.origin}: {p.reason}" for p in error.problems))


def verdict(fixture: Fixture, found: Files, runtime: Runtime, worker: Worker) -> tuple[str, str]:
    """Return what a runtime says of a network, in one of `WORDS`, and why."""
    if found.refused:
        return "refused", found.refused
    if doubt := runtime.doubt(found.files):
        return "refused", doubt
    feeds = dict(zip(found.inputs, (array.astype(np.float32) for array in fixture.inputs), strict=True))
    try:
        result = worker.run(Job(found.files, feeds, found.outputs), _SECONDS)
    except PipelineError as error:
        return "cannot", str(error)
    if not result.ok:
        return "cannot", f"{result.stage}: {result.error}"
    return compared(fixture, [result.blobs[name] for name in found.outputs], ones=runtime.pads_shapes)


def compared(fixture: Fixture, outputs: Sequence[np.ndarray], *, ones: bool = False) -> tuple[str, str]:
    """Compare outputs with the fixture's; with `ones`, axes of 1 do not count."""
    worst = 0.0
    for got, wanted in zip(outputs, fixture.outputs, strict=True):
        shaped = got.reshape(wanted.shape) if ones and got.size == wanted.size else got
        worst = max(worst, compare(shaped, wanted).relative)
    return ("right", "") if worst <= fixture.meta.get("tolerance", TOLERANCE) else ("wrong", f"off by {worst:.2g}")


def judged(fixture: Fixture, workers: Mapping[Runtime, Worker]) -> Iterator[tuple[str, str, str]]:
    """Return judge, word and reason, of everybody."""
    try:
        graph = graph_of(fixture)
    except PipelineError as error:
        problems = getattr(error, "problems", ())
        yield OURSELVES, "refused", "; ".join(f"{p.origin}: {p.reason}" for p in problems) or error.what
        return
    yield OURSELVES, *compared(fixture, evaluated(graph, [array.astype(np.float32) for array in fixture.inputs]))
    with tempfile.TemporaryDirectory() as folder:
        for kind, found in written(fixture, graph, Path(folder)):
            for runtime, worker in workers.items():
                if runtime.reads == kind:
                    yield f"{runtime.title}, {kind}", *verdict(fixture, found, runtime, worker)


def table(counts: Mapping[tuple[str, str, str], int]) -> str:
    """Return the counts of (folder, judge, word) as a table in Markdown."""
    folders, judges = (list(dict.fromkeys(key[i] for key in counts)) for i in range(2))
    rows = [["judge", *folders], ["---"] * (len(folders) + 1)]
    rows += [
        [judge, *(" / ".join(str(counts.get((folder, judge, word), 0)) for word in WORDS) for folder in folders)]
        for judge in judges
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> int:
    """Judge every network; print a line for each that is not right, then the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--also", action="append", default=[], metavar="NAME", help="ask it too, though it runs files")
    asked = parser.parse_args()
    counts: Counter[tuple[str, str, str]] = Counter()
    with contextlib.ExitStack() as stack:
        workers = {each: stack.enter_context(opened(each)) for each in runtimes(os.environ, also=asked.also)}
        for folder in asked.folders:
            title = f"{folder.parent.name}/{folder.name}"
            for fixture in fixtures([folder]):
                if fixture.model.stem not in ("model", "deploy"):
                    continue  # the same network, serialized in another way
                for judge, word, why in judged(fixture, workers):
                    counts[title, judge, word] += 1
                    if word != "right":
                        print(f"{word}: {title}/{fixture.model.parent.name}: {judge}: {why[:300]}", flush=True)
    print(table(counts))
    print(f"{' / '.join(WORDS)}")
    return int(any(word == "wrong" for _, _, word in counts))


if __name__ == "__main__":
    sys.exit(main())
