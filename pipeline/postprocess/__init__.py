"""The layers of a Caffe network after a cut, in numpy, to be applied to the outputs of the converted network.

`manifest.json` lists the layers that were cut off, under "cut", with their bottoms and parameters. The functions here
are called with the arrays of these bottoms, and the parameters by name:

    layer = manifest["cut"][0]
    parameters = layer["parameters"]["detection_output_param"]
    found = detection_output(*(blobs[name] for name in layer["bottoms"]), **parameters)

They need only numpy.
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
