"""OpenCV's dnn module: reads Caffe pairs and Torch7 files (up to version 4)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.caffe.schema import LayerParameter
    from pipeline.runtimes.doubt import Test

NAME = "OpenCV"
READS = ("caffe", "t7")
VARIABLE = "OPENCV_PYTHON"
ADVICE = "pip install 'torch2caffe2[opencv]'"
PADS_SHAPES = True
OPINIONS = ("t7",)  # such a file says less than its user, and OpenCV guesses some modules


def installed(site: Path) -> str | None:
    """Return the version in a folder of packages. Raises ImportError for one that reads neither format."""
    if not any(site.glob("cv2*")):
        return None
    for record in site.glob("opencv_*.dist-info"):
        numbers = record.name[: -len(".dist-info")].rpartition("-")[2].split(".")
        return _able(".".join(numbers[:3]))
    return ""


def _able(version: str) -> str:
    if int(version.split(".", maxsplit=1)[0]) >= 5:
        raise ImportError(f"OpenCV {version} is installed, but version 5 dropped the Caffe and Torch7 readers")
    return version


def doubt(reads: str, files: Mapping[str, Path]) -> str:
    """Say which layer of a Caffe pair OpenCV is known to compute wrongly, without a word; "" where it has none.

    It is not asked either where it cannot read the weights.
    """
    if reads != "caffe":
        return ""
    from pipeline.caffe.hdf5 import is_hdf5
    from pipeline.runtimes.doubt import doubted_layer
    from pipeline.wire.mapped import map_file

    weights = files.get("caffemodel")
    if weights and is_hdf5(map_file(weights)):
        return "it cannot read weights in HDF5"
    return doubted_layer(files["prototxt"], _WRONG)


def _after_power(layer: LayerParameter, made_by: Mapping[str, LayerParameter]) -> bool:
    """Tell a Power of a Power that is more than a product and a sum: OpenCV fuses the two into something else."""
    before = made_by.get(layer.bottom[0]) if layer.bottom else None
    return before is not None and before.type == "Power" and before.power_param.power != 1


def _after_grouped_deconvolution(layer: LayerParameter, made_by: Mapping[str, LayerParameter]) -> bool:
    """Tell a factor behind a Deconvolution of several groups: OpenCV multiplies the wrong weights by it."""
    before = made_by.get(layer.bottom[0]) if layer.bottom else None
    return before is not None and before.type == "Deconvolution" and before.convolution_param.group > 1


def _dilated_in_space(layer: LayerParameter, _: Mapping[str, LayerParameter]) -> bool:
    """Tell a dilated Convolution over volumes: OpenCV gives other numbers each time."""
    convolution = layer.convolution_param
    return len(convolution.kernel_size) > 2 and any(d > 1 for d in convolution.dilation)


def _in_place(layer: LayerParameter, _: Mapping[str, LayerParameter]) -> bool:
    """Tell an Eltwise whose top is its bottom: OpenCV takes that bottom into account, which Caffe has lost."""
    return list(layer.top) == list(layer.bottom[:1])


# Each was seen: OpenCV 4.8 and 4.14 run these layers and give other numbers than Caffe.
_WRONG: dict[str, tuple[tuple[Test, str], ...]] = {
    "BatchNorm": ((_after_grouped_deconvolution, "a BatchNorm after a Deconvolution in groups"),),
    "Convolution": ((_dilated_in_space, "a dilated Convolution of three dimensions"),),
    "Deconvolution": (
        (lambda layer, _: any(d > 1 for d in layer.convolution_param.dilation), "a dilated Deconvolution"),
    ),
    "Eltwise": ((_in_place, "an Eltwise in place"),),
    "InnerProduct": ((lambda layer, _: layer.inner_product_param.transpose, "a transposed InnerProduct"),),
    "LRN": ((lambda layer, _: layer.lrn_param.k != 1, "an LRN with k"),),
    "Log": ((lambda layer, _: layer.log_param.shift != 0 or layer.log_param.base != -1, "a Log with shift or base"),),
    "Power": ((_after_power, "a Power after a Power"),),
    "Scale": ((_after_grouped_deconvolution, "a Scale after a Deconvolution in groups"),),
    "Swish": ((lambda layer, _: layer.swish_param.beta != 1, "a Swish with beta"),),
}


# ---- Inside its interpreter ----


def version() -> str:
    """Return OpenCV's version. Raises ImportError for one that reads neither format."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    import cv2

    return _able(cv2.__version__)


def load(files: Mapping[str, str]) -> Any:
    """Return a net, and whether it is of a Torch7 file."""
    import cv2

    with _in_short():
        if "t7" not in files:
            return cv2.dnn.readNetFromCaffe(files["prototxt"], files["caffemodel"]), False
        with open(files["t7"], "rb") as file:
            binary = b"\0" in file.read(8)
        return cv2.dnn.readNetFromTorch(files["t7"], binary, True), True


def run(net: Any, feeds: Sequence[tuple[str, Any]], wanted: Sequence[str]) -> dict[str, Any]:
    """Return the wanted blobs. A Torch7 file names neither inputs nor outputs, so it may have one of each."""
    import cv2
    import numpy as np

    loaded, from_torch = net
    if from_torch and (len(feeds), len(wanted)) != (1, 1):
        raise ValueError("several inputs or outputs, which OpenCV does not tell apart")
    with _in_short():
        loaded.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        for name, array in feeds:
            loaded.setInput(np.ascontiguousarray(array, dtype=np.float32), "" if from_torch else name)
        values = [loaded.forward()] if from_torch else loaded.forward(list(wanted))
    return dict(zip(wanted, values))


@contextmanager
def _in_short() -> Iterator[None]:
    """Leave where in OpenCV's source it stopped out of what it says."""
    import cv2

    try:
        yield
    except cv2.error as error:
        raise ValueError(error.err)
