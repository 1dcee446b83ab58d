"""OpenCV's dnn module: reads Caffe pairs and Torch7 files (up to version 4)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.caffe.schema import LayerParameter
    from pipeline.runtimes.doubt import ModuleTest, Test
    from pipeline.torch7.module import Module

NAME = "OpenCV"
READS = ("caffe", "t7")
VARIABLE = "OPENCV_PYTHON"
ADVICE = "pip install 'torch2caffe2[opencv]'"
PADS_SHAPES = True
OPINIONS = ("t7",)  # OpenCV guesses what some modules of such a file mean


def installed(site: Path) -> str | None:
    """Return the version in a folder of packages. Raises ImportError if it reads neither format."""
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
    """Return a sentence about a layer or module that OpenCV computes wrongly without an error; "" if there is none.

    Files with weights that OpenCV cannot read are doubted, too.
    """
    from pipeline.caffe.recognition import is_hdf5
    from pipeline.runtimes.doubt import doubted_layer, doubted_module
    from pipeline.wire.mapped import map_file

    if reads == "t7":
        return doubted_module(files["t7"], _WRONG_MODULES)

    weights = files.get("caffemodel")
    if weights and is_hdf5(map_file(weights)):
        return "it cannot read weights in HDF5"
    return doubted_layer(files["prototxt"], _WRONG)


def _after_power(layer: LayerParameter, made_by: Mapping[str, LayerParameter]) -> bool:
    """Return whether a layer is a nonlinear Power of a Power, which OpenCV fuses into something else."""
    before = made_by.get(layer.bottom[0]) if layer.bottom else None
    return before is not None and before.type == "Power" and before.power_param.power != 1


def _after_grouped_deconvolution(layer: LayerParameter, made_by: Mapping[str, LayerParameter]) -> bool:
    """Return whether a factor follows a Deconvolution with groups. OpenCV multiplies the wrong weights by it."""
    before = made_by.get(layer.bottom[0]) if layer.bottom else None
    return before is not None and before.type == "Deconvolution" and before.convolution_param.group > 1


def _dilated_in_space(layer: LayerParameter, _: Mapping[str, LayerParameter]) -> bool:
    """Return whether a layer is a dilated 3D Convolution. OpenCV computes different numbers each time."""
    convolution = layer.convolution_param
    return len(convolution.kernel_size) > 2 and any(d > 1 for d in convolution.dilation)


def _in_place(layer: LayerParameter, _: Mapping[str, LayerParameter]) -> bool:
    """Return whether a layer is an in-place Eltwise. OpenCV uses that bottom, which Caffe has overwritten."""
    return list(layer.top) == list(layer.bottom[:1])


# All of these were observed: OpenCV 4.8 and 4.14 run these layers, but compute other numbers than Caffe.
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


def _beyond(module: Module, again: bool) -> bool:
    """Return whether a pooling rounds the number of its windows up, and skips places between them."""
    return module.flag("ceil_mode") and any(module.int(f"d{axis}", 1) > module.int(f"k{axis}", 1) for axis in "WH")


def _old_padding(module: Module, again: bool) -> bool:
    """Return whether a convolution has one field for the padding of both axes."""
    return module.int("padding", 0) != 0


# The same for Torch7 files: OpenCV reads a module only once, adds eps to the deviation instead of the variance, does
# not know the maximum as a norm, returns 0 for a window beyond the image, and pads by `padW` and `padH` only.
_WRONG_MODULES: dict[str, tuple[ModuleTest, str]] = {
    "": (lambda module, again: again, "a module that stands at several places"),
    "nn.InstanceNormalization": (lambda module, _: True, "nn.InstanceNormalization, of channels that hardly vary"),
    "nn.Normalize": (lambda module, _: module.float("p", 2.0) == float("inf"), "nn.Normalize by the largest magnitude"),
    "nn.SpatialConvolution": (_old_padding, "an nn.SpatialConvolution with `padding`"),
    "nn.SpatialConvolutionMM": (_old_padding, "an nn.SpatialConvolutionMM with `padding`"),
    "nn.SpatialMaxPooling": (_beyond, "an nn.SpatialMaxPooling that may go beyond the image"),
}


# ---- Inside its interpreter ----

# Assertions that fail for files that Torch7 can read.
_REASONS = {
    'scalarParams.has("ceil_mode")': "it cannot read a pooling without the field `ceil_mode`, as older Torch7 wrote it",
}


def version() -> str:
    """Return OpenCV's version. Raises ImportError if it reads neither format."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    import cv2

    return _able(cv2.__version__)


def load(files: Mapping[str, str]) -> Any:
    """Return a net, and whether it is from a Torch7 file."""
    import cv2

    with _in_short():
        if "t7" not in files:
            return cv2.dnn.readNetFromCaffe(files["prototxt"], files["caffemodel"]), False
        with open(files["t7"], "rb") as file:
            binary = b"\0" in file.read(8)
        return cv2.dnn.readNetFromTorch(files["t7"], binary, True), True


def run(net: Any, feeds: Sequence[tuple[str, Any]], wanted: Sequence[str]) -> dict[str, Any]:
    """Return the wanted blobs. A Torch7 file may have only one input and output, because it does not name them."""
    import cv2
    import numpy as np

    loaded, from_torch = net
    if from_torch and (len(feeds), len(wanted)) != (1, 1):
        raise ValueError("several inputs or outputs, which OpenCV does not tell apart")
    with _in_short():
        loaded.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
        for name, array in feeds:
            given = np.ascontiguousarray(array, dtype=np.float32)
            loaded.setInput(_batch(given) if from_torch else given, "" if from_torch else name)
        if not from_torch:
            return dict(zip(wanted, loaded.forward(list(wanted))))
        return {wanted[0]: _finite(loaded.forward())}


def _batch(array: Any) -> Any:
    """Return a vector or image of Torch7 as a batch of one, since the first axis is always the batch in OpenCV."""
    return array[None] if array.ndim in (1, 3) else array


def _finite(array: Any) -> Any:
    """Return an array. Raises ValueError for infinities: OpenCV's LogSoftMax is the logarithm of what may be 0."""
    import numpy as np

    if np.isinf(array).any():
        raise ValueError("it gives infinities, as for the logarithm of a softmax that is 0")
    return array


@contextmanager
def _in_short() -> Iterator[None]:
    """Remove the place in OpenCV's source from errors that are raised in the block."""
    import cv2

    try:
        yield
    except cv2.error as error:
        raise ValueError(_REASONS.get(error.err, error.err))
