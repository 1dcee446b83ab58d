"""The layers that `cut` leaves out of a Caffe network, in numpy: see `pipeline.postprocess`."""

from __future__ import annotations

from pipeline.postprocess import (
    ctc_greedy_decoder,
    detection_output,
    proposal,
    suppress,
    yolo_detection_output,
    yolov3_detection_output,
)

__all__ = [
    "ctc_greedy_decoder",
    "detection_output",
    "proposal",
    "suppress",
    "yolo_detection_output",
    "yolov3_detection_output",
]
