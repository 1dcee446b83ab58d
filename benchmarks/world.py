"""`python -m benchmarks.world DIR`: how many Caffe networks of public repositories convert, and to the same numbers.

Each folder of DIR holds a network as people wrote it (`net.prototxt`) and where it is from (`meta.json`: `repo`,
`path`, `form`). It gets seeded weights, is made narrower for time, converted, and run in Caffe2. A real Caffe is the
judge (CAFFE_PYTHON names an interpreter with pycaffe): it runs the layers between the inputs and the outputs that the
conversion declares; layers of forks run there as Python layers, by the numpy references of `tests/caffe/forks.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import world_nets
from pipeline.caffe import files
from pipeline.caffe.files import CaffeNet
from pipeline.caffe.schema import NetParameter
from pipeline.caffe2.files import write_pair
from pipeline.caffe2.write import write
from pipeline.errors import InvalidInputError, OverBudget, PipelineError, UnsupportedError
from pipeline.graph.comparison import compare
from pipeline.graph.input_types import cast_inputs, index_inputs
from pipeline.runtimes import discovery
from pipeline.runtimes.runtime import Job, Runtime, run

TOLERANCE = 1e-4  # of a number, relative to max(1, max |b|)
CALM = 0.7  # of the size of weights that keeps numbers as large as they come
VERDICTS = ("right", "right, cut", "refused", "no network", "wrong", "fails when run", "not judged")
_KIND = re.compile(r"^.* \((\w+)\): .*$")  # of a layer that is refused: its type
_HEAD = (
    "# Caffe networks of public repositories",
    "",
    "Written by `python -m benchmarks.world DIR --page FILE`, over networks as people left them, with seeded weights.",
    "Right is within 0.0001 of a real Caffe's numbers, relative to max(1, max |b|), for every output; layers of forks",
    "run there by references of ours in numpy (`tests/caffe/forks.py`). A network that is cut was converted with",
    "`--cut auto`. No network: a file that no Caffe loads, such as a template, or one that does not parse.",
    "",
    "Detections, regions and what a fork's Python layers do are judged like any other layer, and the references follow",
    "the definition that `tests/caffe/detectors.py` and `forks.py` name for each. What is refused, or cut off, has no",
    "exact form (a CRF's filters, OpenCV's warping), draws at random, or is defined nowhere that was found.",
    "Two detections whose scores differ by rounding alone may have changed places.",
    "",
    "Caffe2's own caffe_translator was run once on a sample of 520 networks that these belong to: 99 right, 20 wrong",
    "without a word, 39 that fail when run, the rest refused.",
    "",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one network: one of VERDICTS, and why."""

    word: str
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """A network of a repository, and what became of it."""

    name: str
    repository: str
    form: str
    word: str
    why: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge every network, print what became of each, and count by form; 2 where a runtime is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.world", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--only", default="", metavar="TEXT", help="networks whose folder's name holds this")
    parser.add_argument("--no-run", action="store_true", help="ask only whether they are read and translated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts there too")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page of the documentation there")
    asked = parser.parse_args(arguments)
    own = str(Path(__file__).parent)  # where Caffe's interpreter finds the layers of forks, and their references
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(own).parent), own, os.environ.get("PYTHONPATH", "")])
    runtimes = () if asked.no_run else tuple(_runtimes())
    if not asked.no_run and len(runtimes) < 2:
        print("it needs a Caffe2 (make runtimes) and a Caffe (CAFFE_PYTHON)", file=sys.stderr)
        return 2
    found: list[Judged] = []
    for folder in sorted(path.parent for path in asked.folder.glob("*/net.prototxt")):
        if asked.only not in folder.name:
            continue
        meta = json.loads((folder / "meta.json").read_text())
        verdict = judge(folder / "net.prototxt", runtimes)
        found.append(Judged(folder.name, meta["repo"], meta["form"], verdict.word, verdict.why))
        print(f"{meta['form']:6} {folder.name}: {verdict.word}", *(f"\n    {line}" for line in verdict.why), flush=True)
    print("\n".join(_by_form(found)))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(each) for each in found], indent=1))
    if asked.page:
        asked.page.write_text(page(found))
    return 0


def _runtimes() -> Iterator[Runtime]:
    found = discovery.runtimes(os.environ)
    for name in ("Caffe2", "Caffe"):
        yield from [runtime for runtime in found if runtime.name == name][:1]


def judge(prototxt: Path, runtimes: Sequence[Runtime]) -> Verdict:
    """Convert a network, whole or else cut, and compare what its translation computes with Caffe's numbers."""
    verdict = _judged_twice(prototxt, runtimes, cut=False)
    if verdict.word != "refused":
        return verdict
    cut = _judged_twice(prototxt, runtimes, cut=True)
    return Verdict(cut.word, cut.why + verdict.why) if cut.word not in ("refused", "no network") else verdict


def _judged_twice(prototxt: Path, runtimes: Sequence[Runtime], cut: bool) -> Verdict:
    """Judge, and where numbers differ once more with smaller weights: random ones let rounding grow with depth."""
    verdict = _judged(prototxt, runtimes, cut, 1)
    return _judged(prototxt, runtimes, cut, CALM) if verdict.word == "wrong" else verdict


def _judged(prototxt: Path, runtimes: Sequence[Runtime], cut: bool, gain: float) -> Verdict:
    try:
        network = world_nets.prepare(prototxt, cut=cut, gain=gain)
        with tempfile.TemporaryDirectory(prefix="world-") as temporary:
            translated = _translate(network, Path(temporary))
            if not runtimes:
                return Verdict("right, cut" if cut else "right")
            return _compared(network, translated, runtimes, Path(temporary), cut)
    except UnsupportedError as error:
        return Verdict("refused", tuple(f"{problem.origin}: {problem.reason}" for problem in error.problems))
    except PipelineError as error:
        word = {InvalidInputError: "no network", OverBudget: "refused"}.get(type(error), "not judged")
        return Verdict(word, (f"{error.where}: {error.what} {error.why}".strip(),))
    except Exception as error:  # a bug of ours is a verdict too
        return Verdict("not judged", (f"bug: {error!r}"[:300],))


def _translate(network: world_nets.Prepared, folder: Path) -> Job:
    """Write the translation, and say how it is run."""
    net = write(cast_inputs(network.graph, set(index_inputs(network.graph))))
    paths = [folder / name for name in ("predict_net.pb", "predict_net.pbtxt", "init_net.pb")]
    write_pair(net, *paths)
    names = net.predict.external_input[: len(network.graph.inputs)]
    inputs = dict(zip(names, network.inputs.values(), strict=True))
    return Job({"predict_net": paths[0], "init_net": paths[2]}, inputs, list(net.predict.external_output))


def _compared(
    network: world_nets.Prepared, translated: Job, runtimes: Sequence[Runtime], folder: Path, cut: bool
) -> Verdict:
    ours, theirs = runtimes
    (found,) = run(ours, [translated])
    (right,) = run(theirs, [Job(_written(network.judged(), folder), network.inputs, network.outputs)])
    if not found.ok:
        return Verdict("fails when run", (f"{found.stage}: {found.error}", f"Caffe: {right.error or 'runs'}"))
    if not right.ok:
        return Verdict("not judged", (f"Caffe {right.stage}: {right.error}",))
    for name, wanted in zip(network.outputs, translated.wanted, strict=True):
        a, b = found.blobs[wanted], right.blobs[name]
        if a.shape == b.shape and a.shape[:2] == (1, 1) and a.shape[-1] == 7 and a.ndim == 4:
            a = _in_place(a, b)
        difference = compare(a, b)
        if not difference.within(TOLERANCE):
            return Verdict("wrong", (f"{name}: {a.shape} and {b.shape}, {difference}",))
        if not np.isfinite(b).all() or (b.size > 1 and np.ptp(b) == 0):
            return Verdict("not judged", (f"{name}: Caffe's numbers say nothing: {b.reshape(-1)[:3]}",))
    return Verdict("right, cut" if cut else "right")


def _in_place(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return detections, (1, 1, K, 7), with those in place that have changed it with one of the same score.

    Scores are the same that rounding could have made so.
    """
    ours, theirs = a[0, 0], b[0, 0]
    if np.abs(ours[:, 2] - theirs[:, 2]).max(initial=0) > TOLERANCE:
        return a
    nearest = [int(np.abs(ours - row).max(axis=1).argmin()) for row in theirs]
    return ours[nearest][np.newaxis, np.newaxis] if len(set(nearest)) == len(nearest) else a


def _written(judged: CaffeNet, folder: Path) -> dict[str, Path]:
    """Write a net for Caffe, and weights of those layers alone that have some: for the others it has its own."""
    weighty = NetParameter(layer=[layer for layer in judged.net.layer if layer.name in judged.blobs])
    files.write_pair(judged, folder / "judge.prototxt", folder / "unused.caffemodel")
    files.write_pair(replace(judged, net=weighty), folder / "unused.prototxt", folder / "judge.caffemodel")
    return {"prototxt": folder / "judge.prototxt", "caffemodel": folder / "judge.caffemodel"}


def page(found: Sequence[Judged]) -> str:
    """Write the counts by form and by repository, and why networks are refused, as Markdown."""
    return "\n".join([*_HEAD, *_by_form(found), "", *_by_repository(found), "", *_refusals(found), ""])


def _by_form(found: Sequence[Judged]) -> Iterator[str]:
    counts = Counter((each.form, each.word) for each in found)
    yield "| | " + " | ".join(VERDICTS) + " | all |"
    yield "|---" * (len(VERDICTS) + 2) + "|"
    for form in ("deploy", "train"):
        numbers = [counts[form, word] for word in VERDICTS]
        yield f"| {form} | " + " | ".join(map(str, [*numbers, sum(numbers)])) + " |"


def _by_repository(found: Sequence[Judged]) -> Iterator[str]:
    yield "| repository | networks | " + " | ".join(VERDICTS) + " |"
    yield "|---" * (len(VERDICTS) + 2) + "|"
    for repository in sorted({each.repository for each in found}, key=str.lower):
        words = Counter(each.word for each in found if each.repository == repository)
        counts = [str(words[word] or "") for word in VERDICTS]
        yield f"| {repository} | {words.total()} | " + " | ".join(counts) + " |"


def _refusals(found: Sequence[Judged]) -> Iterator[str]:
    yield "| refused, or cut before | networks |"
    yield "|---|---|"
    kinds: Counter[str] = Counter()
    for each in found:
        if each.word in ("refused", "right, cut"):
            kinds.update({_KIND.sub(r"\1", line) for line in each.why if _KIND.match(line)})
    for kind, count in kinds.most_common():
        yield f"| {kind} | {count} |"


if __name__ == "__main__":
    sys.exit(main())
