"""The part that all workers share: jobs come as JSON, each runs in a process of its own, answers go as JSON.

stdin holds a list of jobs; stdout gets a line about the runtime, then a line about each job, in order:

    {"files": {role: path}, "inputs": npz, "outputs": npz, "wanted": [blob, ...]}
    -> {"ok": true}, or {"ok": false, "stage": "load" | "feed" | "run" | "fetch" | "crash", "error": text}

An npz holds `names`, the names of blobs, and their arrays under the keys "0", "1", ... (so any name will do).
`outputs` gets the wanted blobs first, and then whatever else the runtime gives away.
"""

import json
import os
import sys
import tempfile


class Failure(Exception):  # noqa: N818 - what a job says, not a fault of the worker
    """A job that the runtime refuses, and at which stage."""

    def __init__(self, stage, error):
        super().__init__(stage, error)
        self.stage = stage
        self.error = (str(error).strip().splitlines() or [repr(error)])[0][:400]


def serve(describe, run):
    """Answer the jobs on stdin. `describe()` gives the runtime's version; `run(job)` raises Failure or answers."""
    jobs = json.load(sys.stdin)
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what the runtime itself prints is no answer
        try:
            tell(answers, {"version": describe()})
        except ImportError as error:
            tell(answers, {"error": str(error)})
            return
        for job in jobs:
            tell(answers, run_apart(run, job))


def tell(stream, answer):
    """Write one line of JSON."""
    stream.write(json.dumps(answer) + "\n")
    stream.flush()


def run_apart(run, job):
    """Run a job in a child process, since such runtimes abort where they should refuse; tell how it went."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as answer:
        child = os.fork()
        if child == 0:
            os.dup2(said.fileno(), 2)
            os.dup2(said.fileno(), 1)
            try:
                run(job)
                result = {"ok": True}
            except Failure as failure:
                result = {"ok": False, "stage": failure.stage, "error": failure.error}
            answer.write(json.dumps(result).encode())
            answer.flush()
            os._exit(0)  # the runtime's own exit handlers can crash
        status = os.waitpid(child, 0)[1]
        if status == 0:
            answer.seek(0)
            return json.loads(answer.read().decode())
        said.seek(0)
        lines = [line for line in said.read().decode("utf-8", "replace").splitlines() if line.strip()]
        how = "signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else "exit %d" % os.WEXITSTATUS(status)
        return {"ok": False, "stage": "crash", "error": ": ".join([how] + lines[:2])}


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
