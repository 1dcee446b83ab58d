"""OpenCV is found without importing it, runs what it reads, and is not asked about what it gets wrong."""

from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from pipeline.runtimes import opencv
from pipeline.runtimes.runtime import Job, Missing, Runtime, run

DATA = Path(__file__).parents[1] / "data"
CAFFE = Runtime("OpenCV", "4.8.0", "caffe", "python", "opencv_worker.py")


def installed(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str]) -> None:
    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)


def test_it_reads_caffe_pairs_and_torch7_files(monkeypatch):
    installed(monkeypatch, {"opencv-python": "4.14.0.94"})
    assert [(found.title, found.reads) for found in opencv.find({})] == [
        ("OpenCV 4.14.0", "caffe"),
        ("OpenCV 4.14.0", "t7"),
    ]


def test_version_5_is_missing_because_it_dropped_the_readers(monkeypatch):
    installed(monkeypatch, {"opencv-python-headless": "5.0.0.93"})
    found = opencv.find({})
    assert all(isinstance(one, Missing) and "dropped" in one.why for one in found)


def test_what_is_not_installed_says_how_to_get_it(monkeypatch):
    installed(monkeypatch, {})
    assert {one.advice for one in opencv.find({}) if isinstance(one, Missing)} == {opencv.ADVICE}


def layer(kind: str, fields: str, bottom: str = "x", name: str = "it", top: str = "y") -> str:
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top}" {fields} }}'


@pytest.mark.parametrize(
    "layers",
    [
        layer("LRN", "lrn_param { k: 2 }"),
        layer("Log", "log_param { shift: 1 }"),
        layer("InnerProduct", "inner_product_param { num_output: 2 transpose: true }"),
        layer("Deconvolution", "convolution_param { num_output: 2 kernel_size: 3 dilation: 2 }"),
        layer("Swish", "swish_param { beta: 2 }"),
        layer("Eltwise", 'bottom: "z"', top="x"),
        layer("Power", "power_param { power: 2 }", name="first", top="z")
        + layer("Power", "power_param { scale: 3 }", bottom="z"),
    ],
)
def test_a_layer_that_opencv_computes_wrongly_is_doubted_by_name(tmp_path, layers):
    file = tmp_path / "deploy.prototxt"
    file.write_text(layers)
    assert opencv.doubt(CAFFE, {"prototxt": file}).endswith("(it)")


def test_layers_that_opencv_computes_rightly_are_not_doubted(tmp_path):
    file = tmp_path / "deploy.prototxt"
    file.write_text(
        layer("LRN", "lrn_param { local_size: 3 }", top="z")
        + layer("Eltwise", 'bottom: "z"', name="sum")
        + layer("Power", "power_param { scale: 3 }", bottom="z", name="first", top="w")
        + layer("Power", "power_param { power: 2 }", bottom="w")
    )
    assert opencv.doubt(CAFFE, {"prototxt": file}) == ""


def test_another_runtime_is_never_doubted(tmp_path):
    caffe = Runtime("Caffe", "1.0.0", "caffe", "python", "pycaffe_worker.py")
    assert opencv.doubt(caffe, {"prototxt": tmp_path / "none"}) == ""


def opencv_or_skip(reads: str) -> Runtime:
    found = next(one for one in opencv.find({}) if one.reads == reads)
    if isinstance(found, Missing):
        pytest.skip(found.why)
    return found


def test_the_worker_gives_what_torch7_computed():
    folder = DATA / "demo"
    with np.load(folder / "io.npz") as io:
        (result,) = run(opencv_or_skip("t7"), [Job({"t7": folder / "model.t7"}, {"": io["in0"]}, ["out"])])
        np.testing.assert_allclose(result.blobs["out"], io["out0"], atol=1e-5)


def test_a_file_that_opencv_refuses_is_told_with_its_reason_and_the_next_job_still_runs(tmp_path):
    broken = tmp_path / "model.t7"
    broken.write_bytes(b"\x09\0\0\0")
    folder = DATA / "demo"
    with np.load(folder / "io.npz") as io:
        jobs = [Job({"t7": path}, {"": io["in0"]}, ["out"]) for path in (broken, folder / "model.t7")]
    first, second = run(opencv_or_skip("t7"), jobs)
    assert (first.stage, second.ok) == ("load", True)
    assert first.error
