"""R-FCN's pooling, beside a reference that follows the fork, and in a real Caffe2."""

import numpy as np
import pytest

from pipeline.caffe2.files import write_pair
from pipeline.caffe2.write import write
from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.runtimes.runtime import Job
from pipeline.runtimes.runtime import run as run_jobs
from tests.caffe.forks import FORKS
from tests.caffe.read.nets import layer, result
from tests.support import CAFFE2S, numbers

PARAM = "psroi_pooling_param { spatial_scale: 0.0625 output_dim: 4 group_size: 3 }"
FIELDS = {"psroi_pooling_param": {"spatial_scale": 0.0625, "output_dim": 4, "group_size": 3}}
SHAPES = {"x": (1, 36, 7, 9), "rois": (5, 5)}
ROIS = np.float32(
    [[0, 0, 0, 143, 111], [0, 20, 33, 70, 90], [0, 50, 50, 50, 50], [0, 140, 100, 300, 300], [0, -9.5, -3, 8, 20]]
)
FEEDS = [numbers(*SHAPES["x"]), ROIS]


def pooled(**shapes):
    return layer("PSROIPooling", "x", "rois", param=PARAM, **{**SHAPES, **shapes})


def test_means_are_those_of_the_fork():
    (right,) = FORKS["PSROIPooling"].run(FIELDS, FEEDS, [], 1)
    np.testing.assert_allclose(result(pooled(), *FEEDS), right, rtol=1e-5, atol=1e-6)


def test_regions_may_be_a_blob_of_four_axes():
    graph = pooled(rois=(5, 5, 1, 1))
    (right,) = FORKS["PSROIPooling"].run(FIELDS, FEEDS, [], 1)
    np.testing.assert_allclose(result(graph, FEEDS[0], ROIS.reshape(5, 5, 1, 1)), right, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("runtime", CAFFE2S)
def test_a_real_caffe2_pools_the_same(runtime, tmp_path):
    net = write(pooled())
    paths = [tmp_path / name for name in ("predict.pb", "predict.pbtxt", "init.pb")]
    write_pair(net, *paths)
    data = dict(zip(net.predict.external_input, FEEDS, strict=False))
    (found,) = run_jobs(runtime, [Job({"predict_net": paths[0], "init_net": paths[2]}, data, ["y"])])
    assert found.ok, found.error
    (right,) = FORKS["PSROIPooling"].run(FIELDS, FEEDS, [], 1)
    np.testing.assert_allclose(found.blobs["y"], right, rtol=1e-5, atol=1e-6)


def test_regions_of_several_images_are_refused():
    with pytest.raises(UnsupportedError):
        pooled(x=(2, 36, 7, 9))


@pytest.mark.parametrize("shapes", [{"x": (1, 35, 7, 9)}, {"rois": (5, 4)}])
def test_what_does_not_fit_is_an_error_of_the_file(shapes):
    with pytest.raises(InvalidInputError):
        pooled(**shapes)


def test_a_transpose_names_all_axes():
    graph = layer("Transpose", "x", param="transpose_param { dim: 2 dim: 0 dim: 1 }", x=(2, 3, 4))
    np.testing.assert_array_equal(result(graph, numbers(2, 3, 4)), numbers(2, 3, 4).transpose(2, 0, 1))
    with pytest.raises(InvalidInputError):
        layer("Transpose", "x", param="transpose_param { dim: 1 dim: 0 }", x=(2, 3, 4))


def test_a_reverse_begins_at_the_end_of_its_axis():
    graph = layer("Reverse", "x", param="reverse_param { axis: 1 }", x=(2, 3, 4))
    np.testing.assert_array_equal(result(graph, numbers(2, 3, 4)), numbers(2, 3, 4)[:, ::-1])
    with pytest.raises(InvalidInputError):
        layer("Reverse", "x", param="reverse_param { axis: 3 }", x=(2, 3, 4))
