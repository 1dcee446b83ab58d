"""SSD's detections, beside a reference that follows the fork, OpenCV's dnn, and in a real Caffe2."""

import numpy as np
import pytest

from pipeline.caffe.files import write_pair
from pipeline.caffe.read import read
from pipeline.caffe.schema import LayerParameter
from pipeline.caffe2 import files as caffe2_files
from pipeline.caffe2.write import write
from pipeline.errors import UnsupportedError
from pipeline.graph.evaluation import run
from pipeline.runtimes.runtime import Job
from pipeline.runtimes.runtime import run as run_jobs
from tests.caffe.forks import FORKS
from tests.caffe.read.nets import inputs, net
from tests.support import CAFFE2S, numbers

MAPS = {"f": (1, 1, 3, 4), "g": (1, 1, 2, 2), "image": (1, 3, 60, 80)}
PRIORS = "min_size: 20 max_size: 30 aspect_ratio: 2 clip: false variance: [0.1, 0.1, 0.2, 0.2]"
BOXES = 4 * (3 * 4 + 2 * 2)
FIELDS = {
    "num_classes": 3,
    "share_location": True,
    "background_label_id": 0,
    "code_type": "CENTER_SIZE",
    "confidence_threshold": 0.3,
    "keep_top_k": 12,
    "nms_param": {"nms_threshold": 0.4, "top_k": 9},
}


def text(fields):
    """Write the fields of a message as prototxt."""

    def value(content):
        if isinstance(content, dict):
            return "{ " + text(content) + " }"
        return str(content).lower() if isinstance(content, bool) else str(content)

    return " ".join(f"{name} {'' if isinstance(each, dict) else ':'} {value(each)}" for name, each in fields.items())


def detector(fields, images=1):
    moves = 1 if fields.get("share_location", True) else fields["num_classes"]
    shapes = {"loc": (images, 4 * BOXES * moves), "conf": (images, BOXES * fields["num_classes"]), **MAPS}
    prior = (
        'layer {{ name: "p{0}" type: "PriorBox" bottom: "{0}" bottom: "image" top: "p{0}" prior_box_param {{ {1} }} }}'
    )
    return net(
        inputs(**shapes)
        + "".join(prior.format(name, PRIORS) for name in "fg")
        + 'layer { name: "all" type: "Concat" bottom: "pf" bottom: "pg" top: "priors" concat_param { axis: 2 } } '
        + 'layer { name: "det" type: "DetectionOutput" bottom: "loc" bottom: "conf" bottom: "priors" top: "out" '
        + f"detection_output_param {{ {text(fields)} }} }}"
    )


def feeds(fields, images=1):
    """Return locations and confidences, of which those of a box sum to 1."""
    moves = 1 if fields.get("share_location", True) else fields["num_classes"]
    raw = np.exp(2 * numbers(images, BOXES, fields["num_classes"], seed=1))
    confidences = (raw / raw.sum(axis=2, keepdims=True)).reshape(images, -1)
    return [numbers(images, 4 * BOXES * moves), confidences]


def whole(given):
    """Add what only the priors look at, which is shapes."""
    return [*given, *(np.zeros(shape, np.float32) for shape in MAPS.values())]


def expected(fields, given):
    param = {"min_size": [20], "max_size": [30], "aspect_ratio": [2], "variance": [0.1, 0.1, 0.2, 0.2]}
    image = np.zeros(MAPS["image"])
    priors = [
        FORKS["PriorBox"].run({"prior_box_param": param}, [np.zeros(MAPS[name]), image], [], 1)[0] for name in "fg"
    ]
    bottoms = [*given, np.concatenate(priors, axis=2)]
    return FORKS["DetectionOutput"].run({"detection_output_param": fields}, bottoms, [], 1)[0]


OTHERS = [
    {},
    {"keep_top_k": -1},
    {"keep_top_k": 2},
    {"nms_param": {"nms_threshold": 0.6}},
    {"code_type": "CORNER"},
    {"code_type": "CORNER_SIZE"},
    {"variance_encoded_in_target": True},
    {"share_location": False},
    {"background_label_id": -1},
    {"background_label_id": 2, "num_classes": 4},
    {"confidence_threshold": 1.0},
]


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("other", OTHERS, ids=str)
def test_detections_are_those_of_the_fork(other, images):
    fields = {**FIELDS, **other}
    given = feeds(fields, images)
    (found,) = run(read(detector(fields, images)), whole(given))
    right = expected(fields, given)
    assert found.shape == right.shape
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6)


def test_how_many_rows_there_can_be_is_told():
    notes = []
    read(detector(FIELDS), notes=notes)
    assert notes == ["out: how many rows it has depends on the numbers; 1x1x12x7 is the most"]


def test_equal_scores_keep_the_order_of_the_boxes():
    given = feeds(FIELDS)
    given[1][:] = np.tile(np.float32([0.1, 0.5, 0.4]), BOXES)
    (found,) = run(read(detector(FIELDS)), whole(given))
    np.testing.assert_allclose(found, expected(FIELDS, given), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("runtime", CAFFE2S)
def test_a_real_caffe2_detects_the_same(runtime, tmp_path):
    jobs, wanted = [], []
    for number, other in enumerate(OTHERS):
        fields = {**FIELDS, **other}
        given = feeds(fields, 2)
        translated = write(read(detector(fields, 2)))
        paths = [tmp_path / f"{number}{name}" for name in ("predict.pb", "predict.pbtxt", "init.pb")]
        caffe2_files.write_pair(translated, *paths)
        data = dict(zip(translated.predict.external_input, given, strict=False))
        jobs.append(Job({"predict_net": paths[0], "init_net": paths[2]}, data, ["out"]))
        wanted.append(expected(fields, given))
    for result, right in zip(run_jobs(runtime, jobs), wanted, strict=True):
        assert result.ok, result.error
        assert result.blobs["out"].shape == right.shape
        np.testing.assert_allclose(result.blobs["out"], right, rtol=1e-5, atol=1e-6)


def test_opencv_detects_the_same_in_an_order_of_its_own(tmp_path):
    cv2 = pytest.importorskip("cv2")
    given = whole(feeds(FIELDS))
    network = detector(FIELDS)
    write_pair(network, tmp_path / "net.prototxt", tmp_path / "net.caffemodel")
    theirs = cv2.dnn.readNetFromCaffe(str(tmp_path / "net.prototxt"), str(tmp_path / "net.caffemodel"))
    for name, array in zip(("loc", "conf", *MAPS), given, strict=True):
        theirs.setInput(array, name)
    right = theirs.forward("det")
    (found,) = run(read(network), given)
    ours, rows = (array[0, 0, np.argsort(-array[0, 0, :, 2])] for array in (found, right))
    np.testing.assert_allclose(ours, rows, rtol=1e-4, atol=1e-5)


def test_boxes_that_do_not_fit_the_locations_are_those_of_another_fork_and_refused():
    network = detector(FIELDS)
    network.net.layer[0].input_param.shape[0].dim[1] *= 3
    with pytest.raises(UnsupportedError) as caught:
        read(network)
    named = [problem.origin for problem in caught.value.problems]
    assert named == ["det (DetectionOutput)", "pf (PriorBox)", "pg (PriorBox)"]


def test_a_threshold_that_falls_is_refused():
    with pytest.raises(UnsupportedError):
        read(detector({**FIELDS, "nms_param": {"eta": 0.9}}))


def of_text_boxes(fields):
    network = detector(fields)
    for place in (0, 1):  # locations and confidences
        network.net.layer[place].input_param.shape[0].dim[1] *= 2
    return network


@pytest.mark.parametrize("threshold", [0.3, 1.0])
def test_two_locations_for_each_box_are_those_of_textboxes(threshold):
    fields, notes = {**FIELDS, "confidence_threshold": threshold}, []
    given = [2 * numbers(1, 8 * BOXES, seed=7), np.concatenate([feeds(FIELDS)[1], feeds(FIELDS)[1] * 0.9], axis=1)]
    param = {"min_size": [20], "max_size": [30], "aspect_ratio": [2], "variance": [0.1, 0.1, 0.2, 0.2]}
    image = np.zeros(MAPS["image"])
    boxes = [
        FORKS["PriorBox of TextBoxes"].run({"prior_box_param": param}, [np.zeros(MAPS[name]), image], [], 1)[0]
        for name in "fg"
    ]
    bottoms = [*given, np.concatenate(boxes, axis=2)]
    (right,) = FORKS["DetectionOutput of TextBoxes"].run({"detection_output_param": fields}, bottoms, [], 1)
    (found,) = run(read(of_text_boxes(fields), notes=notes), whole(given))
    assert any("TextBoxes" in note for note in notes)
    assert found.shape == right.shape
    np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-6)


def test_boxes_are_not_judged_by_locations_that_nobody_knows():
    network = detector(FIELDS)
    last = next(layer for layer in network.net.layer if layer.type == "DetectionOutput")
    unheard = LayerParameter(name="fuse", type="Unheard", bottom=[last.bottom[0]], top=["fused"])
    last.bottom[0] = "fused"
    network.net.layer.insert(len(network.net.layer) - 1, unheard)
    with pytest.raises(UnsupportedError) as caught:
        read(network)
    assert "fuse (Unheard)" in [each.origin for each in caught.value.problems]
    assert not any("PriorBox" in each.origin for each in caught.value.problems)
