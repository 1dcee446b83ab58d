"""PyTorch itself, which runs the source of a module without anything of this program."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import metadata

from pipeline.runtimes.engine import Engine, Missing

NAME, READS = "PyTorch", "pytorch"
ADVICE = "pip install 'torch2caffe2[pytorch]'"


def find(environment: Mapping[str, str]) -> list[Engine | Missing]:
    """Look for PyTorch and safetensors beside this program, without importing them."""
    try:
        version = metadata.version("torch").split("+")[0]
        metadata.version("safetensors")
    except metadata.PackageNotFoundError as error:
        return [Missing(NAME, READS, f"{error.name} is not installed", ADVICE)]
    return [Engine(NAME, version, READS, sys.executable, "pytorch_worker.py")]
