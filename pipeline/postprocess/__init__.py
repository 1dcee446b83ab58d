"""Implements, in numpy, layers at the end of Caffe networks that are left out by `--cut`.

`manifest.json` lists the layers that were cut off, under "cut", with their bottoms and parameters. Call a function here
with the arrays of these bottoms, and with the parameters by name:

    layer = manifest["cut"][0]
    parameters = layer["parameters"]["detection_output_param"]
    found = detection_output(*(blobs[name] for name in layer["bottoms"]), **parameters)

Only numpy is needed.
"""

from pipeline.postprocess.boxes import suppress
from pipeline.postprocess.proposal import proposal
from pipeline.postprocess.sequences import ctc_greedy_decoder
from pipeline.postprocess.ssd import detection_output
from pipeline.postprocess.yolo import yolo_detection_output, yolov3_detection_output

__all__ = [
    "ctc_greedy_decoder",
    "detection_output",
    "proposal",
    "suppress",
    "yolo_detection_output",
    "yolov3_detection_output",
]
