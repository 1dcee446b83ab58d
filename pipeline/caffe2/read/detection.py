"""Operators of detectors: non-maximum suppression, and selection of rows."""

from __future__ import annotations

from pipeline.caffe2.read.operator import OperatorReader
from pipeline.caffe2.read.reader import Caffe2Reader, reads
from pipeline.graph.operators import BoxSuppression, Compress, ScatterAdd


@reads("BoxWithNMSLimit")
def box_suppression(op: OperatorReader, net: Caffe2Reader) -> None:
    """BoxSuppression, for one image and without a limit. Of the outputs, only scores and indices are read."""
    if len(op.inputs) != 2 or op.int("soft_nms_enabled", 0) or op.int("detections_per_im", 100) > 0:
        op.refuse("BoxWithNMSLimit of several images, with soft suppression or a limit")
    if not op.int("legacy_plus_one", 0):
        op.refuse("argument BoxWithNMSLimit.legacy_plus_one is not set, and releases differ in what that means")
    thresholds = {"iou_threshold": op.float("nms", 0.3), "score_threshold": op.float("score_thresh", 0.05)}
    net.give(BoxSuppression(**thresholds), *net.values(op.inputs))


@reads("SparseToDense")
def scatter_add(op: OperatorReader, net: Caffe2Reader) -> None:
    """ScatterAdd, into as many places as the size of the third input."""
    indices, values, domain = net.values(op.inputs)
    net.give(ScatterAdd(size=domain.shape[0]), indices, values)


@reads("BooleanMask")
def compress(op: OperatorReader, net: Caffe2Reader) -> None:
    """Compress along the first axis."""
    net.give(Compress(axis=0), *net.values(op.inputs))
