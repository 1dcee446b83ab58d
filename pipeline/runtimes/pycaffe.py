"""Caffe itself, through pycaffe: importable here, or in an interpreter that TORCH2CAFFE2_CAFFE_PYTHON names."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping

from pipeline.runtimes.engine import Engine, Missing, ask

VARIABLE = "TORCH2CAFFE2_CAFFE_PYTHON"


def find(environment: Mapping[str, str]) -> list[Engine | Missing]:
    """Look for pycaffe; an interpreter of its own is asked for its version, which takes a second."""
    interpreter = environment.get(VARIABLE, "")
    if not interpreter and importlib.util.find_spec("caffe"):
        interpreter = sys.executable
    if not interpreter:
        advice = f"build BVLC Caffe with pycaffe and set {VARIABLE} to a Python that can import it"
        return [Missing("Caffe", "caffe", "pycaffe cannot be imported", advice)]
    version = ask(interpreter, "import caffe; print(getattr(caffe, '__version__', 'of unknown version'))")
    if version is None:
        return [Missing("Caffe", "caffe", f"{interpreter} cannot import caffe", f"mend or unset {VARIABLE}")]
    return [Engine("Caffe", version.splitlines()[-1], "caffe", interpreter, "pycaffe_worker.py")]
