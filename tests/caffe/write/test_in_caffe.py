"""BVLC Caffe itself computes what the graphs do; needs pycaffe (see `torch2caffe2 doctor`)."""

import importlib
import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.caffe.files import write_pair
from pipeline.caffe.write import emit
from pipeline.runtimes import discovery, runtime
from tests.caffe.write.check import compare, feeds_of, graph_of, values_of

FAMILIES = "activation arithmetic comparison convolution matrix normalization pooling reduction resize shape writer"


@pytest.mark.parametrize("family", FAMILIES.split())
def test_caffe_computes_what_the_graphs_do(family, tmp_path: Path):
    found = [each for each in discovery.runtimes(os.environ, ["Caffe"]) if each.reads == "caffe"]
    if not found:
        pytest.skip("pycaffe is not here")
    jobs, wanted = [], []
    for name, case in importlib.import_module(f"tests.caffe.write.test_{family}").CASES.items():
        graph = graph_of(case.build)
        feeds = feeds_of(graph, case)
        emission = emit(graph)
        files = {role: tmp_path / f"{len(jobs)}.{role}" for role in ("prototxt", "caffemodel")}
        write_pair(emission.net, *files.values(), emission.comments)
        floats = {blob: array.astype(np.float32) for blob, array in feeds.items()}
        jobs.append(runtime.Job(files, floats, emission.outputs))
        values = values_of(graph, feeds)
        wanted.append((name, {blob: values[v.name] for v, blob in zip(graph.outputs, emission.outputs, strict=True)}))
    for (name, arrays), result in zip(wanted, runtime.run(found[0], jobs), strict=True):
        assert result.ok, f"{name}: {result.error}"
        for blob, array in arrays.items():
            compare(array, result.blobs[blob], f"{name}: {blob}")
