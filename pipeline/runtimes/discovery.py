"""Which independent runtimes there are on this machine. Nothing is imported; rarely is anything started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.runtimes import caffe2, onnxruntime, opencv, pycaffe, pytorch
from pipeline.runtimes.engine import Engine, Missing


def search(environment: Mapping[str, str]) -> list[Engine | Missing]:
    """Look for every runtime that is known; say of each that is missing how to get it."""
    places = (opencv, pycaffe, caffe2, onnxruntime, pytorch)
    return [found for place in places for found in place.find(environment)]


def engines(environment: Mapping[str, str], only: Sequence[str] = ()) -> list[Engine]:
    """Return the runtimes found; with `only`, those whose name is among these (case does not matter)."""
    wanted = {name.lower() for name in only}
    found = [engine for engine in search(environment) if isinstance(engine, Engine)]
    return [engine for engine in found if not wanted or engine.name.lower() in wanted]
