"""OpenCV's dnn module: reads Caffe pairs and Torch7 files (up to version 4)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.caffe.format import CAFFE
from pipeline.runtimes.engine import Engine, Missing

if TYPE_CHECKING:
    from pipeline.caffe.schema import LayerParameter

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
        return [
            Engine("OpenCV", short, reads, sys.executable, "opencv_worker.py", pads_shapes=True)
            for reads in ("caffe", "t7")
        ]
    return [Missing("OpenCV", reads, "it is not installed", ADVICE) for reads in ("caffe", "t7")]


def doubt(engine: Engine, files: Mapping[str, Path]) -> str:
    """Say which layer of a Caffe pair OpenCV is known to compute wrongly, without a word; "" where it has none.

    It is not asked either where it cannot read the weights.
    """
    if engine.name != "OpenCV" or engine.reads != CAFFE.name:
        return ""
    from pipeline.caffe.files import read_net
    from pipeline.caffe.hdf5 import is_hdf5
    from pipeline.wire.mapped import map_file

    weights = files.get("caffemodel")
    if weights and is_hdf5(map_file(weights)):
        return "it cannot read weights in HDF5"
    made_by: dict[str, LayerParameter] = {}
    for layer in read_net(files["prototxt"]).layer:
        for test, what in _WRONG.get(layer.type, ()):
            if test(layer, made_by):
                return f"it is known to be wrong about {what} ({layer.name})"
        made_by |= dict.fromkeys(layer.top, layer)
    return ""


def _after_power(layer: LayerParameter, made_by: Mapping[str, LayerParameter]) -> bool:
    """Tell a Power of a Power that is more than a product and a sum: OpenCV fuses the two into something else."""
    before = made_by.get(layer.bottom[0]) if layer.bottom else None
    return before is not None and before.type == "Power" and before.power_param.power != 1


def _in_place(layer: LayerParameter, _: Mapping[str, LayerParameter]) -> bool:
    """Tell an Eltwise whose top is its bottom: OpenCV takes that bottom into account, which Caffe has lost."""
    return list(layer.top) == list(layer.bottom[:1])


Test = Callable[["LayerParameter", Mapping[str, "LayerParameter"]], bool]
# Each was seen: OpenCV 4.8 and 4.14 run these layers and give other numbers than Caffe.
_WRONG: dict[str, tuple[tuple[Test, str], ...]] = {
    "Deconvolution": (
        (lambda layer, _: any(d > 1 for d in layer.convolution_param.dilation), "a dilated Deconvolution"),
    ),
    "Eltwise": ((_in_place, "an Eltwise in place"),),
    "InnerProduct": ((lambda layer, _: layer.inner_product_param.transpose, "a transposed InnerProduct"),),
    "LRN": ((lambda layer, _: layer.lrn_param.k != 1, "an LRN with k"),),
    "Log": ((lambda layer, _: layer.log_param.shift != 0 or layer.log_param.base != -1, "a Log with shift or base"),),
    "Power": ((_after_power, "a Power after a Power"),),
    "Swish": ((lambda layer, _: layer.swish_param.beta != 1, "a Swish with beta"),),
}
