"""A real Caffe: its version, how it refuses, and what the build on PyPI computes in another way than BVLC's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.graph.comparison import compare
from pipeline.runtimes.programs import caffe
from pipeline.runtimes.runtime import Job, run, version_of
from tests.support import CAFFES

DATA = Path(__file__).parents[1] / "data" / "caffe"
NOT_IN_1_0 = {"clip"}  # a later BVLC Caffe has added it
OF_THE_BATCH = "batch_norm_param { use_global_stats: false }"


@pytest.fixture(params=CAFFES)
def runtime(request):
    return request.param


def batch_norm(folder: Path, fields: str) -> dict[str, Path]:
    files = {"prototxt": folder / "deploy.prototxt", "caffemodel": folder / "model.caffemodel"}
    files["prototxt"].write_text(
        'layer { name: "x" type: "Input" top: "x" input_param { shape { dim: 2 dim: 1 dim: 1 dim: 2 } } }'
        f'layer {{ name: "norm" type: "BatchNorm" bottom: "x" top: "y" {fields} }}'
    )
    files["caffemodel"].touch()
    return files


def test_the_version_told_by_the_files_is_that_of_the_runtime(runtime):
    assert version_of(runtime.interpreter, runtime.program) == runtime.version


def test_a_net_that_caffe_aborts_at_is_refused_in_its_words_and_the_next_one_runs(runtime, tmp_path):
    broken, sound = batch_norm(tmp_path, ""), batch_norm(tmp_path, "")
    broken["prototxt"] = tmp_path / "broken.prototxt"
    broken["prototxt"].write_text('layer { name: "x" type: "Nonesuch" top: "y" }')
    x = np.array([[[[1, 2]]], [[[3, 4]]]], np.float32)
    first, second = run(runtime, [Job(files, {"x": x}, ["y"]) for files in (broken, sound)])
    assert (first.stage, "Nonesuch" in first.error) == ("crash", True)
    assert second.ok


def test_it_computes_what_bvlc_caffe_did_of_every_layer_that_is_not_doubted(runtime):
    jobs, wanted = {}, {}
    for folder in sorted(path.parent for path in DATA.glob("*/io.npz")):
        files = {"prototxt": folder / "deploy.prototxt", "caffemodel": folder / "weights.caffemodel"}
        with np.load(folder / "io.npz") as io:
            names = {side: io[f"{side}_names"].tolist() for side in ("in", "out")}
            feeds = {name: io[f"in{i}"] for i, name in enumerate(names["in"])}
            wanted[folder.name] = {name: io[f"out{i}"] for i, name in enumerate(names["out"])}
        if not runtime.doubt(files):
            jobs[folder.name] = Job(files, feeds, names["out"])
    assert wanted.keys() - jobs.keys() == {"batchnorm_batchstats"}
    found = dict(zip(jobs, run(runtime, list(jobs.values())), strict=True))
    assert {name for name, result in found.items() if not result.ok} == NOT_IN_1_0
    for name, result in found.items():
        for blob, array in result.blobs.items():
            assert compare(array, wanted[name].get(blob, array)).within(1e-5), name


def test_batch_statistics_are_doubted_because_this_build_takes_0_for_the_mean_and_the_variance(runtime):
    folder = DATA / "batchnorm_batchstats"
    files = {"prototxt": folder / "deploy.prototxt", "caffemodel": folder / "weights.caffemodel"}
    with np.load(folder / "io.npz") as io:
        x, right = io["in0"], io["out0"]
    (result,) = run(runtime, [Job(files, {"x": x}, ["y"])])
    if compare(result.blobs["y"], right).within(1e-5):
        pytest.skip("this Caffe is another build, which is right")
    np.testing.assert_allclose(result.blobs["y"], x / np.sqrt(1e-5), rtol=1e-5)


def test_only_a_batch_norm_with_batch_statistics_is_doubted(tmp_path):
    assert caffe.doubt("caffe", batch_norm(tmp_path, OF_THE_BATCH)).endswith("(norm)")
    for fields in ("", "batch_norm_param { use_global_stats: true }", "batch_norm_param { eps: 0.1 }"):
        assert caffe.doubt("caffe", batch_norm(tmp_path, fields)) == ""
