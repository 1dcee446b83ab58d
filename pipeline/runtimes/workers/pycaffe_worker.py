"""Run Caffe pairs in Caffe itself, through pycaffe."""

import os

from serve import Failure, read_arrays, serve, write_arrays

os.environ.setdefault("GLOG_minloglevel", "2")


def describe():
    """Return Caffe's version."""
    import caffe

    return getattr(caffe, "__version__", "of unknown version")


def run(job):
    """Run one net and give every blob; Caffe aborts the process where it finds a fault."""
    import caffe

    files = job["files"]
    net = caffe.Net(files["prototxt"], files["caffemodel"], caffe.TEST)
    try:
        for name, array in read_arrays(job["inputs"]):
            net.blobs[name].reshape(*array.shape)
            net.blobs[name].data[...] = array
        net.reshape()
        net.forward()
        inner = [name for name in net.blobs if name not in job["wanted"]]
        write_arrays(job["outputs"], [(name, net.blobs[name].data) for name in list(job["wanted"]) + inner])
    except (KeyError, ValueError) as error:
        raise Failure("run", error)


if __name__ == "__main__":
    serve(describe, run)
