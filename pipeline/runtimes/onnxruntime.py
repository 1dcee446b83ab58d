"""ONNX Runtime, which reads ONNX models, with onnx's own checker in front of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import metadata

from pipeline.runtimes.engine import Engine, Missing

NAME, READS = "ONNXRuntime", "onnx"
DISTRIBUTIONS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml")
ADVICE = "pip install 'torch2caffe2[onnx]'"


def find(environment: Mapping[str, str]) -> list[Engine | Missing]:
    """Look for ONNX Runtime and onnx beside this program, without importing them."""
    version = next(filter(None, map(_version, DISTRIBUTIONS)), "")
    if not version:
        return [Missing(NAME, READS, "it is not installed", ADVICE)]
    if not _version("onnx"):
        return [Missing(NAME, READS, "it is installed, but onnx, whose checker comes first, is not", ADVICE)]
    return [Engine(NAME, version, READS, sys.executable, "onnxruntime_worker.py")]


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""
