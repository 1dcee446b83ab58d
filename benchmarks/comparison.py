"""`python -m benchmarks.comparison`: layer by layer, what ours and caffe_translator make of Caffe networks.

Each folder holds a network (`deploy.prototxt`, `weights.caffemodel`) and what Caffe computes with it (`io.npz`). Both
translations run in one Caffe2, and their outputs are compared with Caffe's. Writes the page of the documentation.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import peers
from benchmarks.measure import CommandError
from pipeline.errors import PipelineError, UnsupportedError, render
from pipeline.graph.comparison import compare
from pipeline.runtimes.runtime import Job, Result, run

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "tests" / "data" / "caffe"
PAGE = ROOT / "docs" / "caffe-translator.md"
TOLERANCE = 1e-4  # of a number, relative to max(1, max |b|)
_TAIL = (
    "Eleven networks that caffe_translator gets wrong without a word are tests of their own, each with what it does",
    "instead: `tests/caffe2/test_translator_faults.py`.",
)
VERDICTS = ("right", "wrong", "refused", "fails when run")


@dataclass(frozen=True, slots=True)
class Case:
    """A network and what Caffe computes with it."""

    folder: Path
    layers: str
    inputs: dict[str, np.ndarray]
    outputs: dict[str, np.ndarray]

    @property
    def files(self) -> tuple[Path, Path]:
        """Return the prototxt and the weights."""
        return self.folder / "deploy.prototxt", self.folder / "weights.caffemodel"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one network: one of VERDICTS, and why."""

    word: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.word}: {self.why}" if self.why else self.word


Translate = Callable[[Case, Path], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare over the folders given, else over the networks of the tests; 2 where there is no caffe_translator."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.comparison", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="DIR", help="of a network; the tests' own")
    asked = parser.parse_args(arguments)
    try:
        version = peers.translating().version
    except peers.MissingError as error:
        print(error, file=sys.stderr)
        return 2
    cases = [load(folder) for folder in asked.folders or sorted(FIXTURES.iterdir())]
    verdicts = judge(cases, ours), judge(cases, theirs)
    text = page(cases, *verdicts, version)
    print(text)
    if not asked.folders:
        PAGE.write_text(text)
    return 0


def load(folder: Path) -> Case:
    """Read a network's folder."""
    from pipeline.caffe.files import read_net

    kinds = dict.fromkeys(layer.type for layer in read_net(folder / "deploy.prototxt").layer if layer.type != "Input")
    with np.load(folder / "io.npz", allow_pickle=False) as io:
        inputs, outputs = (
            {str(name): io[f"{side}{i}"] for i, name in enumerate(io[f"{side}_names"])} for side in ("in", "out")
        )
    return Case(folder, ", ".join(kinds), inputs, outputs)


def ours(case: Case, folder: Path) -> None:
    """Translate by this project."""
    from pipeline.caffe import files
    from pipeline.caffe.read import read
    from pipeline.caffe2.files import write_pair
    from pipeline.caffe2.write import write

    shapes = {name: array.shape for name, array in case.inputs.items()}
    predict, init, text = peers.translated(folder)
    write_pair(write(read(files.read_pair(*case.files), shapes)), predict, text, init)


def theirs(case: Case, folder: Path) -> None:
    """Translate by caffe_translator."""
    peers.translate(*case.files, folder)


def judge(cases: Sequence[Case], translate: Translate) -> list[Verdict]:
    """Translate every network, run those that could be, and compare."""
    with tempfile.TemporaryDirectory(prefix="comparison-") as temporary:
        verdicts: dict[Path, Verdict] = {}
        jobs: dict[Path, Job] = {}
        for number, case in enumerate(cases):
            folder = Path(temporary, str(number))
            folder.mkdir()
            refusal = _refusal(case, translate, folder)
            if refusal:
                verdicts[case.folder] = Verdict("refused", refusal)
            else:
                predict, init, _ = peers.translated(folder)
                wanted = [name for name in _declared(predict) if name in case.outputs]
                jobs[case.folder] = Job({"predict_net": predict, "init_net": init}, case.inputs, wanted)
        results = dict(zip(jobs, run(peers.translating(), list(jobs.values())), strict=True))
    known = {case.folder: case for case in cases}
    verdicts |= {folder: compared(known[folder], jobs[folder], result) for folder, result in results.items()}
    return [verdicts[case.folder] for case in cases]


def _refusal(case: Case, translate: Translate, folder: Path) -> str:
    """Translate; give the last line of a refusal."""
    try:
        translate(case, folder)
    except UnsupportedError as error:
        return error.problems[0].reason
    except PipelineError as error:
        return " ".join(render(error).split())
    except CommandError as error:
        return str(error).strip().splitlines()[-1].split("\\n")[0].split(": name:")[0][:90].strip()
    return ""


def _declared(predict: Path) -> Sequence[str]:
    from pipeline.caffe2.schema import NetDef

    return list(NetDef.FromString(predict.read_bytes()).external_output)


def compared(case: Case, job: Job, result: Result) -> Verdict:
    """Compare a run with what Caffe gave; an output that the net does not declare is lost."""
    if not result.ok:
        return Verdict("fails when run", " ".join(result.error.split())[:90])
    for name, right in case.outputs.items():
        if name not in job.wanted:
            return Verdict("wrong", f"the output {name} is lost")
        found = result.blobs[name]
        if found.shape != right.shape:
            return Verdict("wrong", f"shape {found.shape} instead of {right.shape}")
        difference = compare(found, right)
        if not difference.within(TOLERANCE):
            return Verdict("wrong", f"off by {difference.maximum:.2g}")
    return Verdict("right")


def page(cases: Sequence[Case], own: Sequence[Verdict], peer: Sequence[Verdict], version: str) -> str:
    """Write the table as Markdown."""
    rows = [
        f"| {case.folder.name} | {case.layers} | {_cell(a)} | {_cell(b)} |"
        for case, a, b in zip(cases, own, peer, strict=True)
    ]
    return "\n".join([*_head(own, peer, version), *rows, "", *_TAIL, ""])


def _head(own: Sequence[Verdict], peer: Sequence[Verdict], version: str) -> Iterator[str]:
    yield "# Beside caffe_translator"
    yield ""
    yield f"Written by `python -m benchmarks.comparison`: {len(own)} small networks whose outputs Caffe computed,"
    yield f"translated by this project and by `caffe2.python.caffe_translator`, both run in Caffe2 {version}. Right is"
    yield f"within {TOLERANCE:g} of Caffe's numbers, relative to max(1, max |b|), with every output declared."
    yield ""
    yield "| | " + " | ".join(VERDICTS) + " |"
    yield "|---" * (len(VERDICTS) + 1) + "|"
    for name, verdicts in (("ours", own), ("caffe_translator", peer)):
        counts = Counter(verdict.word for verdict in verdicts)
        yield f"| {name} | " + " | ".join(str(counts[word]) for word in VERDICTS) + " |"
    yield ""
    yield "| network | layers | ours | caffe_translator |"
    yield "|---|---|---|---|"


def _cell(verdict: Verdict) -> str:
    return str(verdict).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
