"""What comes behind a cut, beside the references of the forks, OpenCV's dnn, and what a whole network gives."""

import numpy as np
import pytest

import torch2caffe2.postprocess as library
from pipeline import postprocess
from pipeline.caffe.files import write_pair
from pipeline.caffe.read import read
from pipeline.graph.evaluation import run
from pipeline.postprocess import (
    ctc_greedy_decoder,
    detection_output,
    proposal,
    suppress,
    yolo_detection_output,
    yolov3_detection_output,
)
from tests.caffe.read import test_detection as ssd
from tests.caffe.read import test_proposal as rpn
from tests.caffe.read import test_yolo as yolo
from tests.support import numbers


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("other", ssd.OTHERS, ids=str)
def test_ssds_detections_are_those_of_the_fork_from_the_outputs_of_the_cut_network(other, images):
    fields = {**ssd.FIELDS, **other}
    graph = read(ssd.detector(fields, images), cut=["DetectionOutput"])
    given = [np.zeros(value.shape, np.float32) for value in graph.inputs]  # of these only the shapes matter
    cut = dict(zip((value.name for value in graph.outputs), run(graph, given), strict=True))
    found = detection_output(*ssd.feeds(fields, images), cut["priors"], **fields)
    np.testing.assert_allclose(found, ssd.expected(fields, ssd.feeds(fields, images)), rtol=1e-5, atol=1e-6)


def test_ssds_detections_are_those_of_opencv(tmp_path):
    cv2 = pytest.importorskip("cv2")
    files = str(tmp_path / "net.prototxt"), str(tmp_path / "net.caffemodel")
    write_pair(ssd.detector(ssd.FIELDS), tmp_path / "net.prototxt", tmp_path / "net.caffemodel")
    network = cv2.dnn.readNetFromCaffe(*files)
    for name, array in zip(("loc", "conf", *ssd.MAPS), ssd.whole(ssd.feeds(ssd.FIELDS)), strict=True):
        network.setInput(array, name)
    priors, right = network.forward(["all", "det"])
    found = detection_output(*ssd.feeds(ssd.FIELDS), priors, **ssd.FIELDS)
    ours, theirs = (array[0, 0, np.argsort(-array[0, 0, :, 2])] for array in (found, right))
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_an_unknown_code_of_boxes_is_an_error():
    with pytest.raises(ValueError, match="no code_type"):
        detection_output(np.zeros((1, 4)), np.zeros((1, 2)), np.ones((1, 2, 4)), num_classes=2, code_type="ODD")


@pytest.mark.parametrize("name", yolo.CASES)
def test_yolos_detections_are_those_of_the_fork(name):
    function = yolov3_detection_output if name.startswith("v3") else yolo_detection_output
    found = function(*yolo.FEEDS, **yolo.CASES[name][2])
    np.testing.assert_allclose(found, yolo.expected(name), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", rpn.CASES)
def test_regions_are_those_of_the_fork(name):
    _, _, count, python = rpn.CASES[name]
    how = {"drop_small": True, "scale": (4, 8, 16, 32) if count == 12 else (8, 16, 32)} if python else rpn.FIELDS[name]
    regions, scores = proposal(*rpn.feeds(count), **how)
    right, right_scores = rpn.expected(name, rpn.feeds(count))
    np.testing.assert_allclose(regions, right, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(scores, right_scores.reshape(-1), rtol=1e-6)


def test_boxes_of_one_pixel_overlap_only_where_corners_are_inclusive():
    boxes, scores = np.float32([[2, 2, 2, 2], [2, 2, 2, 2]]), np.float32([0.4, 0.5])
    assert suppress(boxes, scores, 0.5).tolist() == [1, 0]
    assert suppress(boxes, scores, 0.5, inclusive=True).tolist() == [1]


def likely(*labels):
    return np.eye(4, dtype=np.float32)[list(labels)]


def test_labels_that_follow_each_other_are_read_once_and_blanks_never():
    steps = np.stack([likely(1, 1, 3, 1, 2, 2), likely(3, 3, 3, 3, 3, 3)], axis=1)
    read_labels = ctc_greedy_decoder(steps)[:, :, 0, 0]
    assert read_labels.tolist() == [[1, 1, 2, -1, -1, -1], [-1] * 6]


def test_labels_that_follow_each_other_are_kept_where_that_is_said():
    steps = likely(1, 1, 0, 0)[:, np.newaxis]
    assert ctc_greedy_decoder(steps, blank_index=0, ctc_merge_repeated=False).ravel().tolist() == [1, 1, -1, -1]


def test_a_sequence_ends_where_its_indicator_is_0():
    steps = np.stack([likely(1, 2, 0, 2)] * 2, axis=1)
    indicators = np.array([[0, 1, 1, 1], [0, 1, 0, 1]], np.float32).T
    assert ctc_greedy_decoder(steps, indicators)[:, :, 0, 0].tolist() == [[1, 2, 0, 2], [1, 2, -1, -1]]


def test_ctc_reads_as_the_definition_does_step_by_step():
    steps = np.exp(numbers(9, 3, 5))
    right = np.full((3, 9), -1.0)
    for n in range(3):
        previous, place = -1, 0
        for t in range(9):
            label = int(steps[t, n].argmax())
            if label not in (4, previous):
                right[n, place], place = label, place + 1
            previous = label
    assert ctc_greedy_decoder(steps)[:, :, 0, 0].tolist() == right.tolist()


def test_the_library_offers_all_of_it():
    assert sorted(library.__all__) == sorted(postprocess.__all__)
    assert all(getattr(library, name) is getattr(postprocess, name) for name in library.__all__)
