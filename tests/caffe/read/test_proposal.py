"""Faster R-CNN's regions, beside references that follow the forks, and in a real Caffe2."""

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
from tests.caffe.read.nets import inputs, net
from tests.support import CAFFE2S, numbers

MAP = (8, 10)
PYTHON = 'python_param {{ module: "rpn.proposal_layer" layer: "ProposalLayer" param_str: "{}" }}'
FORKED = "ratio: 0.5 ratio: 1 ratio: 2 scale: 4 scale: 8"
CASES = {
    "python": ("Python", PYTHON.format("'feat_stride': 16"), 9, {"param_str": "'feat_stride': 16"}),
    "scales": (
        "Python",
        PYTHON.format("'feat_stride': 16 \\n'scales': !!python/tuple [4, 8, 16, 32]"),
        12,
        {"param_str": "'feat_stride': 16 \n'scales': !!python/tuple [4, 8, 16, 32]"},
    ),
    "c++": ("Proposal", f"proposal_param {{ {FORKED} }}", 6, {}),
    "few": ("Proposal", f"proposal_param {{ {FORKED} pre_nms_topn: 40 post_nms_topn: 7 nms_thresh: 0.4 }}", 6, {}),
}
FIELDS = {
    "c++": {"ratio": [0.5, 1, 2], "scale": [4, 8]},
    "few": {"ratio": [0.5, 1, 2], "scale": [4, 8], "pre_nms_topn": 40, "post_nms_topn": 7, "nms_thresh": 0.4},
}


def network(kind, param, count, tail=""):
    shapes = {"scores": (1, 2 * count, *MAP), "deltas": (1, 4 * count, *MAP), "im_info": (1, 3)}
    wires = 'bottom: "scores" bottom: "deltas" bottom: "im_info" top: "rois" top: "probabilities"'
    return net(inputs(**shapes) + f'layer {{ name: "rpn" type: "{kind}" {wires} {param} }}' + tail)


def feeds(count):
    scores = 1 / (1 + np.exp(-numbers(1, 2 * count, *MAP, seed=3)))
    return [scores, 0.4 * numbers(1, 4 * count, *MAP, seed=4), np.array([[120, 150, 1.25]], np.float32)]


def expected(name, given):
    _, _, _, python = CASES[name]
    if python:
        fork = FORKS["Python rpn.proposal_layer.ProposalLayer"]
        return fork.run({"python_param": python}, given, [], 2)
    return FORKS["Proposal"].run({"proposal_param": FIELDS[name]}, given, [], 2)


@pytest.mark.parametrize("name", CASES)
def test_regions_are_those_of_the_fork(name):
    kind, param, count, _ = CASES[name]
    regions, scores = expected(name, feeds(count))
    found = dict(zip(("probabilities", "rois"), run(read(network(kind, param, count)), feeds(count)), strict=True))
    assert len(regions) > 5
    np.testing.assert_allclose(found["rois"], regions, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(found["probabilities"], scores, rtol=1e-6)


POOLED = (
    'layer { name: "pool" type: "ROIPooling" bottom: "scores" bottom: "rois" top: "pooled" '
    "roi_pooling_param { pooled_w: 2 pooled_h: 2 spatial_scale: 0.0625 } }"
    'layer { name: "fc" type: "InnerProduct" bottom: "pooled" top: "fc" inner_product_param '
    '{ num_output: 3 weight_filler { type: "constant" value: 0.1 } } }'
    'layer { name: "soft" type: "Softmax" bottom: "fc" top: "soft" }'
)


@pytest.mark.parametrize("runtime", CAFFE2S)
def test_a_real_caffe2_proposes_and_pools_the_same(runtime, tmp_path):
    jobs, wanted = [], []
    for name, (kind, param, count, _) in CASES.items():
        graph = read(network(kind, param, count, POOLED))
        translated = write(graph)
        paths = [tmp_path / f"{name}{end}" for end in ("predict.pb", "predict.pbtxt", "init.pb")]
        write_pair(translated, *paths)
        data = dict(zip(translated.predict.external_input, feeds(count), strict=False))
        jobs.append(Job({"predict_net": paths[0], "init_net": paths[2]}, data, ["probabilities", "soft"]))
        wanted.append(run(graph, feeds(count)))
    for result, right in zip(run_jobs(runtime, jobs), wanted, strict=True):
        assert result.ok, result.error
        for blob, array in zip(("probabilities", "soft"), right, strict=True):
            assert result.blobs[blob].shape == array.shape
            np.testing.assert_allclose(result.blobs[blob], array, rtol=1e-5, atol=1e-6)


def test_what_a_configuration_holds_that_nobody_knows_is_refused():
    with pytest.raises(UnsupportedError, match="1 part"):
        read(network("Python", PYTHON.format("{'feat_stride': 16, 'new': 3}"), 9))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "'scales': [8]",
        "'feat_stride': 16, 'scales': [a]",
        "'feat_stride': 0",
        "'feat_stride': 1e400",
        "'feat_stride': 16, 'scales': [nan]",
    ],
)
def test_a_configuration_that_makes_no_anchors_is_an_error_of_the_file(text):
    with pytest.raises(InvalidInputError):
        read(network("Python", PYTHON.format(text), 9))
