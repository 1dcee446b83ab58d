"""OpenCV is found without importing it, runs what it reads, and is not asked about what it gets wrong."""

import os
from pathlib import Path

import numpy as np
import pytest

from pipeline.caffe.format import CAFFE
from pipeline.graph.builder import Builder
from pipeline.graph.comparison import compare
from pipeline.runtimes.discovery import runtimes
from pipeline.runtimes.programs import opencv
from pipeline.runtimes.runtime import Job, Runtime, run
from tests.support import CAFFES
from tests.torch7.writer import nn, save, sequential

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def site(tmp_path):
    """Make what looks like a folder of packages with a release of OpenCV in it."""

    def make(record: str) -> Path:
        (tmp_path / "cv2").mkdir()
        (tmp_path / record).mkdir()
        return tmp_path

    return make


def test_the_version_is_read_off_the_package(site):
    assert opencv.installed(site("opencv_python_headless-4.14.0.94.dist-info")) == "4.14.0"


def test_version_5_is_of_no_use_because_it_dropped_the_readers(site):
    with pytest.raises(ImportError, match="dropped"):
        opencv.installed(site("opencv_python-5.0.0.93.dist-info"))


def test_what_is_not_installed_has_no_version(tmp_path):
    assert opencv.installed(tmp_path) is None


def test_one_that_no_package_tells_of_must_be_asked(site):
    assert opencv.installed(site("numpy-2.0.0.dist-info")) == ""


def layer(kind: str, fields: str, bottom: str = "x", name: str = "it", top: str = "y") -> str:
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{top}" {fields} }}'


@pytest.mark.parametrize(
    "layers",
    [
        layer("LRN", "lrn_param { k: 2 }"),
        layer("Log", "log_param { shift: 1 }"),
        layer("InnerProduct", "inner_product_param { num_output: 2 transpose: true }"),
        layer("Deconvolution", "convolution_param { num_output: 2 kernel_size: 3 dilation: 2 }"),
        layer("Convolution", "convolution_param { kernel_size: 3 kernel_size: 3 kernel_size: 3 dilation: 2 }"),
        layer("Swish", "swish_param { beta: 2 }"),
        layer("Eltwise", 'bottom: "z"', top="x"),
        layer("Power", "power_param { power: 2 }", name="first", top="z")
        + layer("Power", "power_param { scale: 3 }", bottom="z"),
        layer("Deconvolution", "convolution_param { num_output: 2 group: 2 }", name="up", top="z")
        + layer("BatchNorm", "", bottom="z"),
        layer("Deconvolution", "convolution_param { num_output: 2 group: 2 }", name="up", top="z")
        + layer("Scale", "", bottom="z"),
    ],
)
def test_a_layer_that_opencv_computes_wrongly_is_doubted_by_name(tmp_path, layers):
    file = tmp_path / "deploy.prototxt"
    file.write_text(layers)
    assert opencv.doubt("caffe", {"prototxt": file}).endswith("(it)")


def test_layers_that_opencv_computes_rightly_are_not_doubted(tmp_path):
    file = tmp_path / "deploy.prototxt"
    file.write_text(
        layer("LRN", "lrn_param { local_size: 3 }", top="z")
        + layer("Eltwise", 'bottom: "z"', name="sum")
        + layer("Power", "power_param { scale: 3 }", bottom="z", name="first", top="w")
        + layer("Power", "power_param { power: 2 }", bottom="w")
        + layer("Deconvolution", "convolution_param { num_output: 2 }", name="up", top="v")
        + layer("Scale", "", bottom="v")
    )
    assert opencv.doubt("caffe", {"prototxt": file}) == ""


WRONG = ("Normalize_inf", "InstanceNormalization", "SpatialMaxPooling_ceil_k1s2", "legacy_conv_padding")


@pytest.mark.parametrize("name", [*WRONG, "shared_module_object"])
def test_a_module_that_opencv_computes_wrongly_is_doubted_by_name(name):
    assert "wrong about" in opencv.doubt("t7", {"t7": DATA / "torch7" / name / "model.t7"})


@pytest.mark.parametrize("name", ["Normalize_2", "SoftMax_1d", "SpatialMaxPooling_ceil"])
def test_a_module_that_opencv_computes_rightly_is_not_doubted(name):
    assert opencv.doubt("t7", {"t7": DATA / "torch7" / name / "model.t7"}) == ""


def opencv_or_skip(reads: str) -> Runtime:
    found = [each for each in runtimes(os.environ) if (each.name, each.reads) == ("OpenCV", reads)]
    if not found:
        pytest.skip("OpenCV is not installed")
    return found[0]


def test_the_worker_gives_what_torch7_computed():
    folder = DATA / "demo"
    with np.load(folder / "io.npz") as io:
        (result,) = run(opencv_or_skip("t7"), [Job({"t7": folder / "model.t7"}, {"": io["in0"]}, ["out"])])
        np.testing.assert_allclose(result.blobs["out"], io["out0"], atol=1e-5)


@pytest.mark.parametrize("name", ["SoftMax_1d", "SoftMax_3d"])
def test_a_sample_without_its_batch_dimension_is_fed_as_a_batch_of_one(name):
    folder = DATA / "torch7" / name
    with np.load(folder / "io.npz") as io:
        (result,) = run(opencv_or_skip("t7"), [Job({"t7": folder / "model.t7"}, {"": io["in0"]}, ["out"])])
        np.testing.assert_allclose(result.blobs["out"], io["out0"][None], atol=1e-6)


def test_infinities_are_no_answer(tmp_path):
    save(tmp_path / "model.t7", sequential(nn("LogSoftMax")))
    scores = np.array([[0, 200]], np.float32)
    (result,) = run(opencv_or_skip("t7"), [Job({"t7": tmp_path / "model.t7"}, {"": scores}, ["out"])])
    assert (result.stage, "infinities" in result.error) == ("run", True)


def test_a_pooling_that_opencv_cannot_read_is_told_in_words(tmp_path):
    pooling = nn("SpatialMaxPooling", kW=2, kH=2, dW=2, dH=2)
    save(tmp_path / "model.t7", sequential(pooling))
    image = np.zeros((1, 1, 4, 4), np.float32)
    (result,) = run(opencv_or_skip("t7"), [Job({"t7": tmp_path / "model.t7"}, {"": image}, ["out"])])
    assert result.error.startswith("it cannot read a pooling without the field `ceil_mode`")


def test_a_file_that_opencv_refuses_is_told_with_its_reason_and_the_next_job_still_runs(tmp_path):
    broken = tmp_path / "model.t7"
    broken.write_bytes(b"\x09\0\0\0")
    folder = DATA / "demo"
    with np.load(folder / "io.npz") as io:
        jobs = [Job({"t7": path}, {"": io["in0"]}, ["out"]) for path in (broken, folder / "model.t7")]
    first, second = run(opencv_or_skip("t7"), jobs)
    assert (first.stage, second.ok) == ("load", True)
    assert first.error


@pytest.mark.parametrize("runtime", CAFFES)
@pytest.mark.parametrize(("group", "same"), [(1, True), (2, False)])
def test_a_scale_after_a_deconvolution_in_groups_is_another_one_in_opencv(tmp_path, runtime, group, same):
    numbers = np.random.default_rng(0).standard_normal
    net = Builder("net")
    x = net.input("x", (1, 4, 5, 5))
    how = {"kernel_shape": (2, 2), "strides": (2, 2), "pads": (0,) * 4, "dilations": (1, 1), "output_padding": (0, 0)}
    weight = net.weight(numbers((4, 4 // group, 2, 2)).astype(np.float32))
    up = net.add("ConvTranspose", x, weight, name="up", group=group, **how)
    y = net.add("Mul", up, net.weight(numbers((4, 1, 1)).astype(np.float32)), name="y")
    written = CAFFE.write(net.finish([y]), tmp_path)
    job = Job(written.files, {"x": numbers((1, 4, 5, 5)).astype(np.float32)}, written.outputs)
    ours, theirs = (run(each, [job])[0].blobs["y"] for each in (runtime, opencv_or_skip("caffe")))
    assert compare(theirs, ours).within(1e-5) is same
    assert (opencv.doubt("caffe", written.files) == "") is same
