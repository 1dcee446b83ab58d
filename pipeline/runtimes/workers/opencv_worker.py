"""Run Caffe pairs and Torch7 files in OpenCV's dnn module. See ../engine.py for the protocol."""

import json
import os
import sys

os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")

import cv2  # noqa: E402 - after the log level, which it reads when it is imported
import numpy as np  # noqa: E402


def load(files):  # noqa: ANN001, ANN201 - a worker is a script
    """Read a net from whichever files the job names."""
    if "t7" in files:
        with open(files["t7"], "rb") as file:  # noqa: PTH123
            binary = b"\0" in file.read(8)
        return cv2.dnn.readNetFromTorch(files["t7"], binary, True)
    return cv2.dnn.readNetFromCaffe(files["prototxt"], files["caffemodel"])


def answer(job):  # noqa: ANN001, ANN201
    """Run one job; raise cv2.error where OpenCV refuses."""
    net = load(job["files"])
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    feeds = np.load(job["inputs"])
    names = job["input_blobs"] or [""]
    if "t7" not in job["files"]:
        net.setInputsNames(names)
    for index, name in enumerate(names):
        net.setInput(np.ascontiguousarray(feeds["in%d" % index], dtype=np.float32), name)  # noqa: UP031
    layers = net.getUnconnectedOutLayersNames()
    wanted = job["output_blobs"]
    if wanted and "t7" not in job["files"]:
        values = dict(zip(wanted, net.forward(list(wanted))))  # noqa: B905 - Python 3.7
    elif len(layers) == 1:
        values = {wanted[0] if wanted else "out0": net.forward()}
    else:
        raise ValueError("several outputs, which OpenCV names in its own way")
    np.savez(job["outputs"], **values)


def main():  # noqa: ANN201
    """Answer every job on stdin."""
    for job in json.load(sys.stdin):
        try:
            answer(job)
            reply = {"ok": True}
        except (cv2.error, ValueError, OSError) as error:
            reply = {"ok": False, "why": " ".join(str(error).split())[:300]}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
