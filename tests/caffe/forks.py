"""What layers of Caffe's forks compute, in numpy, each from the definition in the fork that is named.

They run in our own tests and, as Python layers, in a real Caffe's interpreter (Python 3.6 to 3.9).
"""

import re

import numpy as np

from tests.caffe import detectors


class Fork:
    """A reference: `run(fields, bottoms, blobs, tops)` gives the arrays of the tops.

    `applies(layer, axes)` tells whether Caffe 1.0 lacks a layer of these fields in a network of as many axes.
    """

    def __init__(self, run, applies=lambda layer, axes: True):
        self.run = run
        self.applies = applies


FORKS = {}


def fork(*types, applies=lambda layer, axes: True):
    """Register a reference for layers of these types, where it applies."""

    def register(run):
        FORKS.update(dict.fromkeys(types, Fork(run, applies)))
        return run

    return register


@fork("Normalize")
def normalize(fields, bottoms, blobs, tops):
    """SSD (weiliu89/caffe, normalize_layer.cpp)."""
    param, x = fields.get("norm_param", {}), bottoms[0]
    axes = (1, 2, 3) if param.get("across_spatial", True) else (1,)
    norm = np.sqrt((x * x).sum(axis=axes, keepdims=True) + param.get("eps", 1e-10))
    scale = blobs[0].reshape(1, -1, 1, 1)
    return [x / norm * scale]


@fork("ShuffleChannel")
def shuffle_channel(fields, bottoms, blobs, tops):
    """farmingyard/ShuffleNet, shuffle_channel_layer.cpp."""
    x = bottoms[0]
    group = fields["shuffle_channel_param"].get("group", 1)
    n, c = x.shape[:2]
    return [x.reshape(n, group, c // group, -1).transpose(0, 2, 1, 3).reshape(x.shape)]


@fork("ReLU6")
def relu6(fields, bottoms, blobs, tops):
    """chuanqi305's relu6_layer.cpp."""
    return [np.clip(bottoms[0], 0, 6)]


@fork("Axpy")
def axpy(fields, bottoms, blobs, tops):
    """SENet's axpy_layer.cpp: a x + y."""
    a, x, y = bottoms
    return [a.reshape(a.shape[:2] + (1,) * (x.ndim - 2)) * x + y]


@fork("BN")
def bn(fields, bottoms, blobs, tops):
    """alexgkendall/caffe-segnet (two blobs) and lxx1991/caffe_mpi (four), bn_layer.cpp."""
    param, x = fields.get("bn_param", {}), bottoms[0]
    columns = [blob.reshape((1, -1) + (1,) * (x.ndim - 2)) for blob in blobs]
    if len(blobs) == 4:
        scale, shift, mean, variance = columns
        return [(x - mean) / np.sqrt(variance + param.get("eps", 1e-5)) * scale + shift]
    if param.get("bn_mode", "LEARN") == "LEARN":
        mean = x.mean(axis=(0, 2, 3), keepdims=True)
        x = (x - mean) / np.sqrt((x * x).mean(axis=(0, 2, 3), keepdims=True) - mean * mean + 1e-9)
    return [columns[0] * x + columns[1]]


@fork("Pooling", applies=lambda layer, axes: axes > 4 or layer["pooling_param"].get("ceil_mode") is False)
def pooling(fields, bottoms, blobs, tops):
    """Windows as in pooling_layer.cpp: over three axes in faustomilletari/3D-Caffe, sizes rounded down by ceil_mode."""
    param, x = fields["pooling_param"], bottoms[0]
    kernel, stride, pad = param["kernel_size"], param.get("stride", 1), param.get("pad", 0)
    down = param.get("ceil_mode") is False
    spans = [size + 2 * pad - kernel for size in x.shape[2:]]
    sizes = [span // stride + 1 if down else -(-span // stride) + 1 for span in spans]
    if pad:
        sizes = [n - ((n - 1) * stride >= size + pad) for n, size in zip(sizes, x.shape[2:])]
    y = np.zeros((*x.shape[:2], *sizes), np.float32)
    for place in np.ndindex(*sizes):
        begins = [at * stride - pad for at in place]
        ends = [min(begin + kernel, size + pad) for begin, size in zip(begins, x.shape[2:])]
        cut = tuple(slice(max(begin, 0), end) for begin, end in zip(begins, ends))
        window = x[(slice(None), slice(None), *cut)].reshape(*x.shape[:2], -1)
        if param.get("pool", "MAX") == "MAX":
            y[(slice(None), slice(None), *place)] = window.max(axis=2)
        else:
            area = np.prod([end - begin for begin, end in zip(begins, ends)])
            y[(slice(None), slice(None), *place)] = window.sum(axis=2) / area
    return [y]


@fork("Dropout", applies=lambda layer, axes: layer.get("dropout_param", {}).get("scale_train") is False)
def dropout(fields, bottoms, blobs, tops):
    """rbgirshick/caffe-fast-rcnn, dropout_layer.cpp, in the TEST phase."""
    return [bottoms[0] * (1 - fields["dropout_param"].get("dropout_ratio", 0.5))]


def _by_mask(x, mask, sizes):
    y = np.zeros(x.shape[:2] + (sizes[0] * sizes[1],), np.float32)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            y[n, c, mask[n, c].reshape(-1).astype(int)] = x[n, c].reshape(-1)
    return [y.reshape(x.shape[:2] + tuple(sizes))]


@fork("Upsample")
def upsample(fields, bottoms, blobs, tops):
    """eric612/MobileNet-YOLO (nearest) and, with a mask, alexgkendall/caffe-segnet, upsample_layer.cpp."""
    param, x = fields["upsample_param"], bottoms[0]
    if len(bottoms) == 1:
        return [x.repeat(param["scale"], axis=2).repeat(param["scale"], axis=3)]
    if "upsample_h" in param:
        return _by_mask(x, bottoms[1], (param["upsample_h"], param["upsample_w"]))
    scales = [param.get(name, param.get("scale")) for name in ("scale_h", "scale_w")]
    pads = [int(param.get(name, False)) for name in ("pad_out_h", "pad_out_w")]
    return _by_mask(x, bottoms[1], [size * s - p for size, s, p in zip(x.shape[2:], scales, pads)])


@fork("Unpooling", "UnPooling")
def unpooling(fields, bottoms, blobs, tops):
    """HyeonwooNoh/caffe, unpooling_layer.cpp: MAX with a mask."""
    param = fields["unpooling_param"]
    size = param.get("unpool_size")
    return _by_mask(bottoms[0], bottoms[1], (size or param["unpool_h"], size or param["unpool_w"]))


@fork("BilinearInterpolation")
def bilinear_interpolation(fields, bottoms, blobs, tops):
    """ctensmeyer/caffe, bilinear_interpolation_layer.cpp."""
    x, sizes = bottoms[0], bottoms[1].shape[2:]
    for axis, size in zip((2, 3), sizes):
        at = np.arange(size) * ((x.shape[axis] - 1) / (size - 1))
        low = np.minimum(at.astype(int), x.shape[axis] - 1)
        high = np.minimum(low + 1, x.shape[axis] - 1)
        weight = (at - low).reshape((-1, 1) if axis == 2 else (-1,))
        x = x.take(low, axis=axis) * (1 - weight) + x.take(high, axis=axis) * weight
    return [x.astype(np.float32)]


@fork("Interp")
def interp(fields, bottoms, blobs, tops):
    """DeepLab's interp_layer.cpp: corners aligned, after cropping."""
    param, x = fields.get("interp_param", {}), bottoms[0]
    begin, end = -param.get("pad_beg", 0), -param.get("pad_end", 0)
    x = x[:, :, begin : x.shape[2] - end, begin : x.shape[3] - end]
    if "shrink_factor" in param or "zoom_factor" in param:
        shrunk = [(size - 1) // param.get("shrink_factor", 1) + 1 for size in x.shape[2:]]
        sizes = [size + (size - 1) * (param.get("zoom_factor", 1) - 1) for size in shrunk]
    elif "height" in param:
        sizes = [param["height"], param["width"]]
    else:
        sizes = bottoms[1].shape[2:]
    for axis, size in zip((2, 3), sizes):
        at = np.arange(size) * ((x.shape[axis] - 1) / (size - 1) if size > 1 else 0)
        low = np.minimum(at.astype(int), x.shape[axis] - 1)
        high = np.minimum(low + 1, x.shape[axis] - 1)
        weight = (at - low).reshape((-1, 1) if axis == 2 else (-1,))
        x = x.take(low, axis=axis) * (1 - weight) + x.take(high, axis=axis) * weight
    return [x.astype(np.float32)]


@fork("PriorBoxClustered")
def clustered_prior_box(fields, bottoms, blobs, tops):
    """openvinotoolkit/training_toolbox_caffe, prior_box_clustered_layer.cpp."""
    param = fields["prior_box_param"]
    height, width = bottoms[0].shape[2:]
    image_h, image_w = bottoms[1].shape[2:]
    boxes = []
    for h in range(height):
        for w in range(width):
            x, y = ((at + param.get("offset", 0.5)) * param["step"] for at in (w, h))
            for a, b in zip(param["width"], param["height"]):
                boxes += [(x - a / 2) / image_w, (y - b / 2) / image_h]
                boxes += [(x + a / 2) / image_w, (y + b / 2) / image_h]
    variances = np.resize(np.array(param["variance"]), len(boxes))
    return [np.stack([boxes, variances])[np.newaxis].astype(np.float32)]


@fork("PriorBox")
def prior_box(fields, bottoms, blobs, tops):
    """weiliu89/caffe, prior_box_layer.cpp."""
    param = fields["prior_box_param"]
    flip, offset = param.get("flip", True), param.get("offset", 0.5)
    ratios = [1.0]
    for ratio in param.get("aspect_ratio", []):
        if all(abs(ratio - known) >= 1e-6 for known in ratios):
            ratios += [ratio, 1 / ratio] if flip else [ratio]
    height, width = bottoms[0].shape[2:]
    image_h, image_w = bottoms[1].shape[2:]
    if "img_size" in param or "img_h" in param:
        image_h, image_w = (param.get(name, param.get("img_size")) for name in ("img_h", "img_w"))
    step_h, step_w = image_h / height, image_w / width
    if "step" in param or "step_h" in param:
        step_h, step_w = (param.get(name, param.get("step")) for name in ("step_h", "step_w"))
    boxes = []
    for h in range(height):
        for w in range(width):
            x, y = (w + offset) * step_w, (h + offset) * step_h
            for index, size in enumerate(int(size) for size in param["min_size"]):
                extents = [(size, size)]
                if param.get("max_size"):
                    extents.append((np.sqrt(size * int(param["max_size"][index])),) * 2)
                extents += [(size * np.sqrt(r), size / np.sqrt(r)) for r in ratios if abs(r - 1) >= 1e-6]
                for a, b in extents:
                    boxes += [(x - a / 2) / image_w, (y - b / 2) / image_h]
                    boxes += [(x + a / 2) / image_w, (y + b / 2) / image_h]
    boxes = np.clip(boxes, 0, 1) if param.get("clip", False) else np.array(boxes)
    variances = np.resize(np.array(param.get("variance", [0.1])), boxes.shape)
    return [np.stack([boxes, variances])[np.newaxis].astype(np.float32)]


@fork("BatchNorm", applies=lambda layer, axes: layer.get("batch_norm_param", {}).get("use_global_stats") is False)
def batch_norm(fields, bottoms, blobs, tops):
    """BVLC's batch_norm_layer.cpp with statistics of the batch, in place of which PyPI's kendryte-caffe has its own."""
    x = bottoms[0]
    axes = (0, *range(2, x.ndim))
    centred = x - x.mean(axis=axes, keepdims=True)
    variance = (centred * centred).mean(axis=axes, keepdims=True)
    return [centred / np.sqrt(variance + fields["batch_norm_param"].get("eps", 1e-5))]


@fork("ROIPooling")
def roi_pooling(fields, bottoms, blobs, tops):
    """rbgirshick/caffe-fast-rcnn, roi_pooling_layer.cpp."""
    param, (x, regions) = fields["roi_pooling_param"], bottoms
    rows, columns, scale = param["pooled_h"], param["pooled_w"], param.get("spatial_scale", 1)
    y = np.zeros((len(regions), x.shape[1], rows, columns), np.float32)
    for n, region in enumerate(regions.reshape(len(regions), 5)):
        left, top, right, bottom = (int(np.floor(corner * scale + 0.5)) for corner in region[1:])
        height, width = max(bottom - top + 1, 1), max(right - left + 1, 1)
        for i, j in np.ndindex(rows, columns):
            begins = int(np.floor(i * height / rows)) + top, int(np.floor(j * width / columns)) + left
            ends = int(np.ceil((i + 1) * height / rows)) + top, int(np.ceil((j + 1) * width / columns)) + left
            (a, b), (c, d) = (np.clip(edges, 0, size) for edges, size in zip(zip(begins, ends), x.shape[2:]))
            if a < b and c < d:
                y[n, :, i, j] = x[int(region[0]), :, a:b, c:d].max(axis=(1, 2))
    return [y]


fork("DetectionOutput")(detectors.detection_output)
fork("DetectionOutput of TextBoxes")(detectors.text_detection_output)
fork("PriorBox of TextBoxes")(detectors.text_boxes)
fork("Proposal")(detectors.proposal)
fork("PSROIPooling")(detectors.psroi_pooling)
fork("Yolov3DetectionOutput")(detectors.yolov3)
fork("YoloDetectionOutput")(detectors.yolov2)
fork("Python rpn.proposal_layer.ProposalLayer")(detectors.python_proposal)


@fork("Python spatial_dropout.SpatialDropoutLayer")
def spatial_dropout(fields, bottoms, blobs, tops):
    """TimoSaemann/caffe-enet, spatial_dropout.py, where its phase is not TRAIN."""
    p = float(re.search(r"'p'\s*:\s*'([^']*)'", fields["python_param"]["param_str"]).group(1))
    return [bottoms[0] * np.float32(1 / (1 - p))]


@fork("Python triplet.l2norm_layer.L2NormLayer", "Python l2norm_layer.L2NormLayer")
def l2_norm(fields, bottoms, blobs, tops):
    """hizhangp/triplet at 8cf9f94, triplet/l2norm_layer.py: sklearn's normalize."""
    lengths = np.linalg.norm(bottoms[0], axis=1, keepdims=True)
    return [bottoms[0] / np.where(lengths == 0, 1, lengths)]


@fork("Python cut_roi_layer.layer.CutROILayer")
def cut_roi(fields, bottoms, blobs, tops):
    """BrotherJing/CNN_tabletennis at 50e327a, lib/cut_roi_layer/layer.py."""
    x = bottoms[0]
    most = x.max(axis=(1, 2, 3))
    boxes = np.zeros((len(x), 4), np.float32)
    for image, bound in enumerate(most / 2):
        for line, (begin, end) in ((x[image, 0].max(axis=1), (1, 3)), (x[image, 0].max(axis=0), (0, 2))):
            above = np.concatenate([[False], line > bound, [False]])
            for place in range(1, len(line) + 1):
                if above[place] and not above[place - 1]:
                    boxes[image, begin] = place - 1
                if above[place] and not above[place + 1]:
                    boxes[image, end] = place
    return [boxes, most][:tops]


@fork("Reorg")
def reorg(fields, bottoms, blobs, tops):
    """reorg_cpu of caffe-yolov2's reorg_layer.hpp, as darknet: with the channels and places of the bottom."""
    param, x = fields["reorg_param"], bottoms[0]
    stride, reverse = param["stride"], param.get("reverse", False)
    n, c, h, w = x.shape
    few = c // stride**2
    k, j, i = np.meshgrid(np.arange(c), np.arange(h), np.arange(w), indexing="ij")
    across, down = i * stride + k // few % stride, j * stride + k // few // stride
    at = across + w * stride * (down + h * stride * (k % few))
    flat, y = x.reshape(n, -1), np.zeros((n, c * h * w), np.float32)
    if reverse:
        y[:, at.reshape(-1)] = flat
        return [y.reshape(n, few, h * stride, w * stride)]
    return [flat[:, at.reshape(-1)].reshape(n, c * stride**2, h // stride, w // stride)]


@fork("Lstm")
def lstm(fields, bottoms, blobs, tops):
    """junhyukoh/caffe-lstm, lstm_layer.cpp, and its variant for (T, N, I)."""
    param, x = fields["lstm_param"], bottoms[0]
    size, batch = param["num_output"], x.shape[1] if x.ndim == 3 else param.get("batch_size", 1)
    rows = x.reshape(-1, batch, x.size // (x.shape[0] * (batch if x.ndim == 3 else 1)))
    conts = bottoms[1].reshape(-1, batch, 1) != 0 if len(bottoms) > 1 else np.ones((len(rows), batch, 1), bool)
    hidden, cell, states = np.zeros((batch, size)), np.zeros((batch, size)), []
    for t, row in enumerate(rows):
        cont = conts[t] & (t > 0)
        gates = row.dot(blobs[0].T) + blobs[2] + np.where(cont, hidden.dot(blobs[1].T), 0)
        i, f, o = (1 / (1 + np.exp(-gates[:, k * size : (k + 1) * size])) for k in range(3))
        cell = np.where(cont, f, 0) * cell + i * np.tanh(gates[:, 3 * size :])
        hidden = o * np.tanh(cell)
        states.append(hidden)
    y = np.array(states, np.float32)
    return [y if x.ndim == 3 else y.reshape(-1, size)]
