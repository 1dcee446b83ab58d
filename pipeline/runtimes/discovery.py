"""Which independent runtimes there are on this machine. Nothing is imported; rarely is anything started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.runtimes import caffe2, opencv, pycaffe
from pipeline.runtimes.runtime import Missing, Runtime


def search(environment: Mapping[str, str]) -> list[Runtime | Missing]:
    """Look for every runtime that is known; say of each that is missing how to get it."""
    return [*opencv.find(environment), *pycaffe.find(environment), *caffe2.find(environment)]


def runtimes(environment: Mapping[str, str], only: Sequence[str] = ()) -> list[Runtime]:
    """Return the runtimes found; with `only`, those whose name is among these (case does not matter)."""
    wanted = {name.lower() for name in only}
    found = [runtime for runtime in search(environment) if isinstance(runtime, Runtime)]
    return [runtime for runtime in found if not wanted or runtime.name.lower() in wanted]
