"""How many networks leave as PyTorch modules, and whether they are right: `python -m benchmarks.exit_pytorch FOLDER`.

Folders and figures are those of `benchmarks.exits`. The modules run in a process that holds PyTorch and safetensors
and nothing of this program, on the fixture's inputs; with `--lint` their sources must pass ruff, as it comes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.exits import TOLERANCE, Fixture, fixtures, graph_of, to_caffe2
from pipeline.errors import PipelineError, UnsupportedError
from pipeline.graph.comparison import compare
from pipeline.pytorch.format import PYTORCH
from pipeline.runtimes import discovery
from pipeline.runtimes import runtime as runtimes
from pipeline.runtimes.runtime import Job, Runtime

AT_ONCE = 64  # modules that one process runs


@dataclass(frozen=True)
class Converted:
    """What became of a network before it was run: words, and the job that is to run it."""

    fixture: Fixture
    caffe2: str
    verdict: str
    why: str = ""
    job: Job | None = None


def converted(fixture: Fixture, folder: Path) -> Converted:
    """Convert a network to PyTorch, and say whether Caffe2 takes it."""
    caffe2 = "refused"
    try:
        graph = graph_of(fixture)
        caffe2 = to_caffe2(graph, from_caffe=fixture.model.suffix == ".prototxt")
        folder.mkdir()
        written = PYTORCH.write(graph, folder)
    except UnsupportedError as error:
        return Converted(fixture, caffe2, "refused", "; ".join(f"{p.origin}: {p.reason}" for p in error.problems))
    except PipelineError as error:
        return Converted(fixture, caffe2, "refused", error.what)
    except Exception:  # a fault of this program: told, and the others are judged
        return Converted(fixture, caffe2, "crash", traceback.format_exc(limit=-2))
    feeds = {
        name: np.asarray(array, value.dtype)
        for name, value, array in zip(written.inputs, graph.inputs, fixture.inputs, strict=True)
    }
    return Converted(fixture, caffe2, "converted", job=Job(written.files, feeds, written.outputs))


def judged(runtime: Runtime, batch: Sequence[Converted]) -> list[tuple[Converted, str, str, float]]:
    """Run what was converted; say of each whether it is right, why not, and how far it is off."""
    jobs = [each.job for each in batch if each.job]
    results = iter(runtimes.run(runtime, jobs, timeout=3600))
    found = []
    for each in batch:
        if each.job is None:
            found.append((each, each.verdict, each.why, 0.0))
            continue
        result = next(results)
        if not result.ok:
            found.append((each, "unrunnable", f"{result.stage}: {result.error}", 0.0))
            continue
        arrays = [result.blobs[name] for name in each.job.wanted]
        pairs = zip(arrays, each.fixture.outputs, strict=True)
        error = max(compare(got, wanted).relative for got, wanted in pairs)
        right = error <= each.fixture.meta.get("tolerance", TOLERANCE)
        found.append((each, "right" if right else "wrong", "", error))
    return found


def unclean(sources: Sequence[Path]) -> str:
    """Return what ruff says of sources, with no configuration but its own."""
    said = []
    for command in (["format", "--diff"], ["check", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", *map(str, sources)]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        said += [done.stdout] if done.returncode else []
    return "\n".join(said)


def main() -> int:
    """Judge every network; print a line for each that is not right, and the counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--lint", action="store_true", help="have ruff look at every source")
    asked = parser.parse_args()
    runtime = next(found for found in discovery.runtimes(os.environ) if found.reads == PYTORCH.name)
    counts: Counter[tuple[str, str]] = Counter()
    worst, clean = 0.0, True
    every = list(fixtures(asked.folders))
    for start in range(0, len(every), AT_ONCE):
        with tempfile.TemporaryDirectory() as place:
            batch = [converted(each, Path(place, str(i))) for i, each in enumerate(every[start : start + AT_ONCE])]
            for each, verdict, why, error in judged(runtime, batch):
                counts[each.caffe2, verdict] += 1
                worst = max(worst, error if verdict == "right" else 0.0)
                if verdict != "right":
                    name = "/".join(each.fixture.model.parts[-3:])
                    print(f"{verdict:10} {name}: Caffe2 {each.caffe2}. {why} {error:.1e}", flush=True)
            if asked.lint and (said := unclean(sorted(Path(place).rglob("model.py")))):
                clean = False
                print(said)
    for (caffe2, verdict), count in sorted(counts.items()):
        print(f"Caffe2 {caffe2:9} PyTorch {verdict:10} {count}")
    taken = sum(count for (caffe2, _), count in counts.items() if caffe2 == "converts")
    right = counts["converts", "right"]
    print(f"of {taken} networks that Caffe2 takes, {right} are right in PyTorch ({right / max(taken, 1):.1%});")
    print(f"worst {worst:.1e}")
    return int(not clean or any(verdict not in ("right", "refused") for _, verdict in counts))


if __name__ == "__main__":
    sys.exit(main())
