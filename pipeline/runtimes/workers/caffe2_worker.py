"""Run init_net and predict_net pairs in Caffe2."""

import os

from serve import Failure, read_arrays, serve, write_arrays


def describe():
    """Return the version of the torch release that holds this Caffe2, without importing torch."""
    import caffe2
    from caffe2.python import workspace  # noqa: F401 - imported once, before the jobs fork

    site = os.path.dirname(os.path.dirname(os.path.abspath(caffe2.__file__)))
    for folder in sorted(os.listdir(site)):
        if folder.startswith("torch-") and folder.endswith(".dist-info"):
            return folder[len("torch-") : -len(".dist-info")].split("+")[0]
    return "of unknown version"


def run(job):
    """Run one net and give every tensor of the workspace."""
    from caffe2.python import workspace

    with attempt("load"):
        predict = read(job["files"]["predict_net"])
        inputs = read_arrays(job["inputs"])
    for role, path in job["files"].items():  # init_net, and init_net_2 and so on where there are several
        if role.startswith("init_net"):
            fill(path)
    with attempt("feed"):
        for name, array in inputs:
            workspace.FeedBlob(name, array)
    with attempt("run"):
        workspace.RunNetOnce(predict)
    with attempt("fetch"):
        wanted = [(name, fetched(name)) for name in job["wanted"]]
        inner = [(name, fetched(name)) for name in sorted(workspace.Blobs()) if name not in job["wanted"]]
        missing = [name for name, array in wanted if array is None]
        if missing:
            raise ValueError("no tensor in %s" % ", ".join(missing))
        write_arrays(job["outputs"], wanted + [(name, array) for name, array in inner if array is not None])


def fill(path):
    """Run an init_net; that of a net without parameters is empty."""
    from caffe2.python import workspace

    with attempt("load"):
        init = read(path)
    if init:
        with attempt("init"):
            workspace.RunNetOnce(init)


class attempt:  # noqa: N801 - reads as a statement
    """Turn what goes wrong inside into the failure of a stage."""

    def __init__(self, stage):
        self.stage = stage

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is not None and isinstance(error, Exception):
            raise Failure(self.stage, error)


def read(path):
    """Return a file's bytes."""
    with open(path, "rb") as file:
        return file.read()


def fetched(name):
    """Return a blob's numbers, or None where it holds none."""
    from caffe2.python import workspace

    try:
        array = workspace.FetchBlob(name)
    except Exception:
        return None
    return array if hasattr(array, "dtype") and array.dtype.kind in "fiub" else None


if __name__ == "__main__":
    serve(describe, run)
