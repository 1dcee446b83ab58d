"""What Torch7 computed of its fixtures, a real Caffe and every real Caffe2 compute from the files that are written."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline import formats
from pipeline.errors import UnsupportedError
from pipeline.graph.comparison import compare
from pipeline.graph.values import Graph
from pipeline.runtimes.runtime import Job, opened
from pipeline.torch7.importer import read
from tests.support import CAFFE2S, CAFFES
from tests.torch7.fixtures import DATA, REFUSED, TOLERANCE, io, structured

NAMES = sorted(path.name for path in DATA.iterdir() if (path / "io.npz").exists() and path.name not in REFUSED)


@cache
def graph(name: str) -> Graph:
    meta = json.loads((DATA / name / "meta.json").read_text())
    inputs, _ = io(DATA / name)
    structure = meta["input"]
    specs = [structured(item, inputs) for item in ([structure] if isinstance(structure, str) else structure)]
    return read(DATA / name / "model.t7", specs, meta.get("root"))


@pytest.mark.parametrize("runtime", [*CAFFES, *CAFFE2S])
def test_every_fixture_computes_the_same_in_the_original_runtimes(runtime, tmp_path: Path) -> None:
    known = formats.named(runtime.reads)
    assert known
    wrong, judged = {}, 0
    with opened(runtime) as worker:
        for name in NAMES:
            (folder := tmp_path / name).mkdir()
            try:
                written = known.write(graph(name), folder)
            except UnsupportedError:
                continue
            inputs, outputs = io(DATA / name)
            feeds = {blob: array.astype(np.float32) for blob, array in zip(written.inputs, inputs, strict=True)}
            result = worker.run(Job(written.files, feeds, written.outputs))
            apart = [compare(result.blobs[b], a) for b, a in zip(written.outputs, outputs, strict=True) if result.ok]
            if not result.ok or not all(each.within(TOLERANCE) for each in apart):
                wrong[name] = result.error or str(max(each.relative for each in apart))
            judged += 1
    assert wrong == {}
    assert judged > len(NAMES) * 0.9
