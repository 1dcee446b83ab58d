"""Caffe itself, through pycaffe."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.caffe.schema import LayerParameter

NAME = "Caffe"
READS = ("caffe",)
VARIABLE = "CAFFE_PYTHON"

# BVLC Caffe 1.0 for the CPU, as it is on PyPI. It needs older versions of protobuf and numpy than pip would choose.
_PACKAGES = ("kendryte-caffe==1.0.0.20210829", "protobuf==3.20.3")
RECIPES = (
    ("3.7", "1.0.0", _PACKAGES),
    ("3.8", "1.0.0", _PACKAGES),
    ("3.9", "1.0.0", (*_PACKAGES, "numpy<2")),
)


def installed(site: Path) -> str | None:
    """Return the version in a folder of packages; "" for one that was built by hand, which only Caffe itself knows."""
    if not any(site.glob("caffe/_caffe*.so")):
        return None
    for record in site.glob("kendryte_caffe-*.dist-info"):
        return ".".join(record.name.partition("-")[2].split(".")[:3])
    return ""


def doubt(reads: str, files: Mapping[str, Path]) -> str:
    """Return a sentence about a layer that the build on PyPI is known to compute wrongly; "" if there is none."""
    from pipeline.runtimes.doubt import doubted_layer

    return doubted_layer(files["prototxt"], _WRONG)


def _of_the_batch(layer: LayerParameter, _: Mapping[str, LayerParameter]) -> bool:
    """Return whether a BatchNorm uses the mean and variance of the batch.

    BVLC Caffe 1.0 gives (x - mean) / sqrt(variance + eps). kendryte-caffe 1.0.0.20210829 takes 0 for both and gives
    x / sqrt(eps); tests/runtimes/test_caffe.py shows it on the fixture that BVLC Caffe computed.
    """
    fields = layer.batch_norm_param
    return fields.HasField("use_global_stats") and not fields.use_global_stats


# The only known difference between this build and BVLC Caffe 1.0.
_WRONG = {"BatchNorm": ((_of_the_batch, "a BatchNorm with the batch's own numbers"),)}


# ---- Inside its interpreter ----


def version() -> str:
    """Return Caffe's version."""
    os.environ.setdefault("GLOG_minloglevel", "2")  # before the import, which reads it
    import caffe

    return str(getattr(caffe, "__version__", "of unknown version"))


def load(files: Mapping[str, str]) -> Any:
    """Return a net. Caffe aborts the process if it finds a fault."""
    import caffe

    return caffe.Net(files["prototxt"], files["caffemodel"], caffe.TEST)


def run(net: Any, feeds: Sequence[tuple[str, Any]], wanted: Sequence[str]) -> dict[str, Any]:
    """Return all blobs."""
    for name, array in feeds:
        net.blobs[name].reshape(*array.shape)
        net.blobs[name].data[...] = array
    net.reshape()
    net.forward()
    return {name: blob.data for name, blob in net.blobs.items()}
