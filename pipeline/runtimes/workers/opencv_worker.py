"""Run Caffe pairs and Torch7 files in OpenCV's dnn module."""

import os

from serve import Failure, read_arrays, serve, write_arrays

os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")


def describe():
    """Return OpenCV's version."""
    import cv2

    return cv2.__version__


def load(files):
    """Read a net from whichever files the job names."""
    import cv2

    if "t7" in files:
        with open(files["t7"], "rb") as file:
            binary = b"\0" in file.read(8)
        return cv2.dnn.readNetFromTorch(files["t7"], binary, True)
    return cv2.dnn.readNetFromCaffe(files["prototxt"], files["caffemodel"])


def run(job):
    """Run one net. A Torch7 file names neither inputs nor outputs, so it may have one of each."""
    import cv2
    import numpy as np

    from_torch = "t7" in job["files"]
    try:
        net = load(job["files"])
    except cv2.error as error:
        raise Failure("load", error.err)
    feeds, wanted = read_arrays(job["inputs"]), job["wanted"]
    if from_torch and (len(feeds), len(wanted)) != (1, 1):
        raise Failure("feed", "several inputs or outputs, which OpenCV does not tell apart")
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    try:
        for name, array in feeds:
            net.setInput(np.ascontiguousarray(array, dtype=np.float32), "" if from_torch else name)
        values = [net.forward()] if from_torch else net.forward(list(wanted))
    except cv2.error as error:
        raise Failure("run", error.err)
    write_arrays(job["outputs"], list(zip(wanted, values)))


if __name__ == "__main__":
    serve(describe, run)
