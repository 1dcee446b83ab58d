"""Python layers that many networks share, by the module and the class that their definition is in.

Their code is not in the files: each reader here names the repository that it was read in.
"""

from __future__ import annotations

import numpy as np

from pipeline.caffe.read.layer import LayerReader
from pipeline.caffe.read.reader import CaffeReader, layer
from pipeline.graph.operators import Cast, Concat, Pad, ReduceL2, ReduceMax, Reshape, Slice, Unsqueeze
from pipeline.graph.values import Value


@layer("Python", module="spatial_dropout", layer="SpatialDropoutLayer")
def spatial_dropout(layer: LayerReader, net: CaffeReader) -> None:
    """ENet's: x / (1 - p) while testing, too (TimoSaemann/caffe-enet, spatial_dropout.py)."""
    found = layer.parameters()
    try:
        p = float(str(found.get("p")))
    except ValueError:
        p = 0.0
    if found.get("phase") == "TRAIN":
        layer.refuse("it drops at random", "python_param.param_str")
    if not 0 < p < 1:
        layer.invalid(f"p is {found.get('p')}, and must be between 0 and 1")
    net.give(layer, net.add("Mul", layer.bottom, net.constant(1 / (1 - p), "scale")))


@layer("Python", module="triplet.l2norm_layer", layer="L2NormLayer")
@layer("Python", module="l2norm_layer", layer="L2NormLayer")
def l2_norm(layer: LayerReader, net: CaffeReader) -> None:
    """Rows divided by their lengths; rows of zeros stay so (hizhangp/triplet, sklearn's normalize)."""
    x = layer.bottom
    if x.rank != 2:
        layer.invalid(f"it needs 2 axes, not shape {x.shape}")
    length = net.add(ReduceL2(axes=(1,), keepdims=1), x, part="length")
    zero = net.add("Equal", length, net.constant(0, "zero"), part="is_zero")
    divisor = net.add("Add", length, net.add(Cast(to="float32"), zero, part="one_for_zero"), part="divisor")
    net.give(layer, net.add("Div", x, divisor))


@layer("Python", module="cut_roi_layer.layer", layer="CutROILayer")
def cut_roi(layer: LayerReader, net: CaffeReader) -> None:
    """The box of the last rows and columns whose maximum is above half of all; a second top is that maximum.

    BrotherJing/CNN_tabletennis, cut_roi_layer/layer.py: left, top, right, bottom of a map of one channel.
    """
    x = layer.bottom
    if x.rank != 4 or x.shape[1] != 1:
        layer.invalid(f"it needs maps of one channel, not shape {x.shape}")
    most = net.add(ReduceMax(axes=(1, 2, 3), keepdims=0), x, part="most")
    half = net.add("Mul", net.add(Unsqueeze(axes=(1,)), most, part="column"), net.constant(0.5, "half"), part="bound")
    sides = []
    for axis, part in ((2, "columns"), (3, "rows")):  # what is the largest of each column lies along the width
        line = net.add(ReduceMax(axes=(1, axis), keepdims=0), x, part=part)
        sides.append(_last_run(net, line, half, part))
    (left, right), (top, bottom) = sides
    box = net.add(Concat(axis=1), left, top, right, bottom, part="box")
    net.give(layer, *(box, most)[: len(layer.tops)])


def _last_run(net: CaffeReader, line: Value, bound: Value, part: str) -> tuple[Value, Value]:
    """Return where the last run of numbers above a bound begins and where it ends: (N, 1) each; 0 without one."""
    size = line.shape[1]
    above = net.add(Cast(to="float32"), net.add("Greater", line, bound, part=f"{part}_above"), part=f"{part}_marks")
    ends = []
    for name, begin, place in (("begin", 1, 0), ("end", 0, 1)):
        padded = net.add(Pad(pads=(0, begin, 0, 1 - begin)), above, part=f"{part}_{name}_padded")
        beside = net.add(
            Slice(starts=(1 - begin,), ends=(size + 1 - begin,), axes=(1,)), padded, part=f"{part}_{name}_beside"
        )
        alone = net.add("Sub", above, net.add("Mul", above, beside, part=f"{part}_{name}_both"), part=f"{part}_{name}")
        places = net.weight(np.arange(place, size + place, dtype=np.float32), f"{part}_{name}_places")
        found = net.add("Mul", alone, places, part=f"{part}_{name}_at")
        last = net.add(ReduceMax(axes=(1,), keepdims=0), found, part=f"{part}_{name}_last")
        ends.append(net.add(Reshape(shape=(0, 1)), last, part=f"{part}_{name}_column"))
    return ends[0], ends[1]
