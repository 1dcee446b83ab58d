"""Run Caffe pairs in Caffe itself, through pycaffe. See ../engine.py for the protocol."""

import json
import os
import sys

os.environ.setdefault("GLOG_minloglevel", "2")

import caffe  # noqa: E402 - after the log level, which it reads when it is imported
import numpy as np  # noqa: E402


def answer(job):  # noqa: ANN001, ANN201 - a worker is a script
    """Run one job and keep every blob."""
    net = caffe.Net(job["files"]["prototxt"], job["files"]["caffemodel"], caffe.TEST)
    feeds = np.load(job["inputs"])
    for index, name in enumerate(job["input_blobs"]):
        array = feeds["in%d" % index]  # noqa: UP031
        net.blobs[name].reshape(*array.shape)
        net.blobs[name].data[...] = array
    net.reshape()
    net.forward()
    np.savez(job["outputs"], **{"blob:" + name: blob.data for name, blob in net.blobs.items()})


def main():  # noqa: ANN201
    """Answer every job on stdin; Caffe ends the process where it finds a fault."""
    for job in json.load(sys.stdin):
        try:
            answer(job)
            reply = {"ok": True}
        except (RuntimeError, ValueError, KeyError) as error:
            reply = {"ok": False, "why": str(error)[:300]}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
