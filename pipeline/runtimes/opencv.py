"""OpenCV's dnn module: reads Caffe pairs and Torch7 files (up to version 4)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import metadata

from pipeline.runtimes.engine import Engine, Missing

DISTRIBUTIONS = ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python")
ADVICE = "pip install 'torch2caffe2[opencv]'"


def find(environment: Mapping[str, str]) -> list[Engine | Missing]:
    """Look for OpenCV beside this program, without importing it."""
    for distribution in DISTRIBUTIONS:
        try:
            version = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
        if int(version.split(".")[0]) >= 5:
            why = f"OpenCV {version} is installed, but version 5 dropped the Caffe and Torch7 readers"
            return [Missing("OpenCV", reads, why, ADVICE) for reads in ("caffe", "t7")]
        short = ".".join(version.split(".")[:3])
        return [Engine("OpenCV", short, reads, sys.executable, "opencv_worker.py") for reads in ("caffe", "t7")]
    return [Missing("OpenCV", reads, "it is not installed", ADVICE) for reads in ("caffe", "t7")]
