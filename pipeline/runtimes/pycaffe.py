"""Caffe itself, through pycaffe: importable here, or in an interpreter that CAFFE_PYTHON names."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping

from pipeline.errors import MachineError
from pipeline.runtimes.runtime import Missing, Runtime, version_of

VARIABLE = "CAFFE_PYTHON"
WORKER = "pycaffe_worker.py"


def find(environment: Mapping[str, str]) -> list[Runtime | Missing]:
    """Look for pycaffe. An interpreter is asked for its version, which takes a second where there is one."""
    interpreter = environment.get(VARIABLE, "")
    if not interpreter and importlib.util.find_spec("caffe"):
        interpreter = sys.executable
    if not interpreter:
        advice = f"build BVLC Caffe with pycaffe and set {VARIABLE} to a Python that can import it"
        return [Missing("Caffe", "caffe", "pycaffe cannot be imported", advice)]
    try:
        version = version_of(interpreter, WORKER)
    except MachineError as error:
        return [Missing("Caffe", "caffe", f"{interpreter}: {error.why}", f"mend or unset {VARIABLE}")]
    return [Runtime("Caffe", version, "caffe", interpreter, WORKER, environment.get(VARIABLE, "import caffe"))]
