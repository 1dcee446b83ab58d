"""Operators of detectors: non-maximum suppression, and selection of rows."""

from __future__ import annotations

import numpy as np

from pipeline.caffe2.write.builder import INT64, Caffe2Builder, writes
from pipeline.graph.operators import BoxSuppression, Compress, ScatterAdd
from pipeline.graph.values import Node


@writes(BoxSuppression)
def box_suppression(node: Node[BoxSuppression], net: Caffe2Builder) -> None:
    """BoxWithNMSLimit without a limit. In later releases, an argument says whether corners are inclusive."""
    scores, places = (value.name for value in node.outputs)
    op, counted = node.operator, net.unique(f"{places}_counted")
    others = [net.unique(f"{scores}_{part}") for part in ("boxes", "classes", "splits")]
    net.op(
        "BoxWithNMSLimit", net.blobs(node.inputs), [scores, *others, counted, net.unique(f"{places}_counts")],
        score_thresh=op.score_threshold, nms=op.iou_threshold, detections_per_im=-1, legacy_plus_one=1,
    )  # fmt: skip
    net.op("Cast", [counted], [places], to=INT64)


@writes(ScatterAdd)
def scatter_add(node: Node[ScatterAdd], net: Caffe2Builder) -> None:
    """SparseToDense, which takes the size from that of another blob."""
    indices, values = net.blobs(node.inputs)
    domain = net.constant(np.zeros(node.operator.size, np.float32), "domain")
    net.give("SparseToDense", indices, values, domain)


@writes(Compress, where=lambda node, graph: node.operator.axis in (0, -node.input(0).rank))
def compress(node: Node[Compress], net: Caffe2Builder) -> None:
    """BooleanMask, of the first axis."""
    net.give("BooleanMask", *net.blobs(node.inputs))
