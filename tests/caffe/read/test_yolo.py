"""YOLO's detections, beside references that follow the fork, and in a real Caffe2."""

import numpy as np
import pytest

from pipeline.caffe.read import read
from pipeline.caffe2.files import write_pair
from pipeline.caffe2.write import write
from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.graph.evaluation import run
from pipeline.runtimes.runtime import Job
from pipeline.runtimes.runtime import run as run_jobs
from tests.caffe.forks import FORKS
from tests.caffe.read.nets import inputs, layer, net, result
from tests.support import CAFFE2S, numbers

V3 = {
    "num_classes": 4,
    "num_box": 2,
    "confidence_threshold": 0.3,
    "nms_threshold": 0.4,
    "mask_group_num": 2,
    "anchors_scale": [32, 16],
    "mask": [2, 3, 0, 1],
    "biases": [10, 14, 23, 27, 37, 58, 81, 82],
}
V2 = {"num_classes": 4, "num_box": 2, "confidence_threshold": 0.2, "nms_threshold": 0.4, "biases": [0.6, 0.7, 1.9, 2.1]}
CASES = {
    "v3": ("Yolov3DetectionOutput", "yolov3_detection_output_param", V3),
    "v3, all": ("Yolov3DetectionOutput", "yolov3_detection_output_param", {**V3, "confidence_threshold": 0.01}),
    "v3, none": ("Yolov3DetectionOutput", "yolov3_detection_output_param", {**V3, "confidence_threshold": 1.0}),
    "v2": ("YoloDetectionOutput", "yolo_detection_output_param", V2),
    "v2, none": ("YoloDetectionOutput", "yolo_detection_output_param", {**V2, "confidence_threshold": 1.0}),
}
SHAPES = {"coarse": (1, 18, 3, 3), "fine": (1, 18, 6, 6)}
FEEDS = [2 * numbers(*shape, seed=5) for shape in SHAPES.values()]


def network(name, **shapes):
    kind, message, fields = CASES[name]
    text = " ".join(f"{field}: {each}" for field, each in fields.items())
    wires = 'bottom: "coarse" bottom: "fine" top: "out"'
    param = f"{message} {{ {text} }}"
    return net(inputs(**{**SHAPES, **shapes}) + f'layer {{ name: "yolo" type: "{kind}" {wires} {param} }}')


def expected(name):
    kind, message, fields = CASES[name]
    return FORKS[kind].run({message: fields}, FEEDS, [], 1)[0]


@pytest.mark.parametrize("name", CASES)
def test_detections_are_those_of_the_fork(name):
    (found,) = run(read(network(name)), FEEDS)
    assert found.shape == expected(name).shape
    assert (found[0, 0, 0, 1] == -1) == name.endswith("none")
    np.testing.assert_allclose(found, expected(name), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("runtime", CAFFE2S)
def test_a_real_caffe2_detects_the_same(runtime, tmp_path):
    jobs = []
    for name in CASES:
        translated = write(read(network(name)))
        paths = [tmp_path / f"{name}{end}" for end in ("predict.pb", "predict.pbtxt", "init.pb")]
        write_pair(translated, *paths)
        data = dict(zip(translated.predict.external_input, FEEDS, strict=False))
        jobs.append(Job({"predict_net": paths[0], "init_net": paths[2]}, data, ["out"]))
    for name, found in zip(CASES, run_jobs(runtime, jobs), strict=True):
        assert found.ok, found.error
        np.testing.assert_allclose(found.blobs["out"], expected(name), rtol=1e-5, atol=1e-6)


def test_several_images_are_refused_since_the_fork_takes_their_boxes_for_one_images():
    with pytest.raises(UnsupportedError):
        read(network("v3", coarse=(2, 18, 3, 3), fine=(2, 18, 6, 6)))


@pytest.mark.parametrize("shape", [(1, 17, 3, 3), (1, 18, 3, 4)])
def test_maps_that_hold_other_predictions_are_an_error_of_the_file(shape):
    with pytest.raises(InvalidInputError):
        read(network("v2", coarse=shape))


@pytest.mark.parametrize(("reverse", "shape"), [(False, (2, 8, 4, 6)), (True, (2, 8, 3, 2))])
def test_a_reorg_permutes_as_the_fork_does(reverse, shape):
    param = f"reorg_param {{ stride: 2 reverse: {str(reverse).lower()} }}"
    (right,) = FORKS["Reorg"].run({"reorg_param": {"stride": 2, "reverse": reverse}}, [numbers(*shape)], [], 1)
    np.testing.assert_array_equal(result(layer("Reorg", "x", param=param, x=shape), numbers(*shape)), right)


@pytest.mark.parametrize("shape", [(1, 6, 4, 4), (1, 8, 3, 4), (8, 4)])
def test_a_reorg_that_does_not_divide_is_an_error_of_the_file(shape):
    with pytest.raises(InvalidInputError):
        layer("Reorg", "x", param="reorg_param { stride: 2 }", x=shape)
