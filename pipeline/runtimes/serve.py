"""The counterpart of `runtime.py`: runs a file of `programs/` inside the interpreter that has the runtime.

    python serve.py programs/caffe.py

Written for Python 3.7 and newer, with numpy. It prints a line about the runtime to stdout. Then it reads jobs from
stdin, one per line, and prints a line for each, in order:

    {"version": text}, or {"error": text} if the runtime cannot be imported
    {"files": {role: path}, "inputs": npz, "outputs": npz, "wanted": [blob, ...]}
    -> {"ok": true}, or {"ok": false, "stage": "load" | "run" | "fetch", "error": text}

A job that makes the program abort gets no answer, as the process is over. An npz holds `names`, the names of blobs, and
their arrays under the keys "0", "1", ... (so that any name is allowed). `outputs` gets the wanted blobs first, and then
whatever else the program returns.
"""

import json
import os
import runpy
import sys


def serve(program):
    """Run the jobs on stdin with a program, given as the names in its file."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # output of the runtime itself must not be taken for an answer
        try:
            tell(answers, {"version": program["version"]()})
        except ImportError as error:
            tell(answers, {"error": str(error)})
            return
        for line in sys.stdin:
            tell(answers, run(program, json.loads(line)))


def tell(stream, answer):
    """Write an answer as a line of JSON."""
    stream.write(json.dumps(answer) + "\n")
    stream.flush()


def run(program, job):
    """Run a job, and return the answer."""
    stage = "load"
    try:
        net = program["load"](job["files"])
        stage = "run"
        blobs = program["run"](net, read_arrays(job["inputs"]), job["wanted"])
        stage = "fetch"
        missing = [name for name in job["wanted"] if name not in blobs]
        if missing:
            raise ValueError("there is no %s" % ", ".join(missing))
        inner = [name for name in blobs if name not in job["wanted"]]
        write_arrays(job["outputs"], [(name, blobs[name]) for name in job["wanted"] + inner])
    except Exception as error:
        words = (str(error).strip().splitlines() or [repr(error)])[0][:400]
        return {"ok": False, "stage": stage, "error": words}
    return {"ok": True}


def read_arrays(path):
    """Return [(blob, array)] of an npz as described above."""
    import numpy as np

    with np.load(path) as archive:
        return [(name, archive[str(i)]) for i, name in enumerate(archive["names"].tolist())]


def write_arrays(path, arrays):
    """Write [(blob, array)] so that `read_arrays` reads it."""
    import numpy as np

    keyed = {str(i): array for i, (_, array) in enumerate(arrays)}
    np.savez(path, names=np.array([name for name, _ in arrays], dtype=np.str_), **keyed)


if __name__ == "__main__":
    del sys.path[0]  # this folder, whose files must not hide packages of the runtime
    serve(runpy.run_path(sys.argv[1]))
