"""What layers of Caffe's forks that detect compute, in numpy, each from the definition in the fork that is named.

As `tests/caffe/forks.py`, which collects them: they run in a real Caffe's interpreter too (Python 3.6 to 3.9).
"""

import re

import numpy as np


def overlaps(box, others, more=0):
    """JaccardOverlap of bbox_util.cpp with each of others (N, 4); with `more` 1, corners are inclusive."""
    extents = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]) + np.float32(more)
    common = np.where((extents > 0).all(axis=1), extents[:, 0] * extents[:, 1], 0)
    areas = [np.prod(each[..., 2:] - each[..., :2] + np.float32(more), axis=-1) for each in (box, others)]
    return common / (areas[0] + areas[1] - common)


def suppress(boxes, order, threshold, more=0):
    """ApplyNMSFast of bbox_util.cpp: those of `order` that overlap with none before them by more than that."""
    kept, order = [], np.asarray(order)
    while len(order):
        kept.append(order[0])
        order = order[1:]
        order = order[overlaps(boxes[kept[-1]], boxes[order], more) <= threshold]
    return kept


def decoded(priors, variances, locations, param):
    """DecodeBBox of bbox_util.cpp."""
    if not param.get("variance_encoded_in_target", False):
        locations = locations * variances
    kind = param.get("code_type", "CORNER")
    if kind == "CORNER":
        return priors + locations
    size = priors[:, 2:] - priors[:, :2]
    if kind == "CORNER_SIZE":
        return priors + locations * np.hstack([size, size])
    centre = locations[:, :2] * size + (priors[:, :2] + priors[:, 2:]) / 2
    half = np.exp(locations[:, 2:]) * size / 2
    return np.hstack([centre - half, centre + half])


def no_detections(images):
    """What the layers give where they find nothing."""
    rows = np.full((1, 1, images, 7), -1, np.float32)
    rows[0, 0, :, 0] = np.arange(images)
    return [rows]


def detection_output(fields, bottoms, blobs, tops):
    """weiliu89/caffe at 4817bf8 (branch ssd), detection_output_layer.cpp."""
    param = fields["detection_output_param"]
    nms, classes, limit = param.get("nms_param", {}), param["num_classes"], param.get("keep_top_k", -1)
    images = len(bottoms[0])
    priors, variances = bottoms[2].reshape(2, -1, 4)
    moves = 1 if param.get("share_location", True) else classes
    locations = bottoms[0].reshape(images, len(priors), moves, 4)
    scores = bottoms[1].reshape(images, len(priors), classes)
    rows = []
    for image in range(images):
        found = []
        for label in range(classes):
            if label == param.get("background_label_id", 0):
                continue
            boxes = decoded(priors, variances, locations[image, :, label if moves > 1 else 0], param)
            each = scores[image, :, label]
            order = np.argsort(-each, kind="stable")
            order = order[each[order] > param.get("confidence_threshold", -3.4e38)]
            order = order[: nms["top_k"]] if nms.get("top_k", -1) > -1 else order
            kept = suppress(boxes, order, nms.get("nms_threshold", 0.3))
            found += [[image, label, each[index], *boxes[index]] for index in kept]
        if -1 < limit < len(found):
            found = sorted(sorted(found, key=lambda row: -row[2])[:limit], key=lambda row: row[1])
        rows += found
    return [np.array(rows, np.float32)[np.newaxis, np.newaxis]] if rows else no_detections(images)


def anchors(base, ratios, scales):
    """generate_anchors.py of rbgirshick/py-faster-rcnn."""
    centre, rows = 0.5 * (base - 1), []
    for ratio in ratios:
        width = np.round(np.sqrt(base * base / ratio))
        height = np.round(width * ratio)
        for scale in scales:
            x, y = 0.5 * (width * scale - 1), 0.5 * (height * scale - 1)
            rows.append([centre - x, centre - y, centre + x, centre + y])
    return np.array(rows)


def proposals(base, stride, bottoms):
    """The regions that bbox_transform.py and clip_boxes of py-faster-rcnn make of anchors, and their scores."""
    scores, deltas, image = bottoms
    kinds = len(base)
    rows, columns = scores.shape[2:]
    x, y = np.meshgrid(np.arange(columns) * stride, np.arange(rows) * stride)
    shifts = np.stack([x, y, x, y], axis=-1).reshape(-1, 1, 4)
    boxes = (base + shifts).reshape(-1, 4).astype(np.float32)
    moves = deltas.transpose(0, 2, 3, 1).reshape(-1, 4)
    size = boxes[:, 2:] - boxes[:, :2] + 1
    centre = boxes[:, :2] + 0.5 * size
    centre, half = moves[:, :2] * size + centre, 0.5 * np.exp(moves[:, 2:]) * size
    height, width, scale = image.reshape(-1)[:3]
    found = np.hstack([centre - half, centre + half])
    found = np.maximum(np.minimum(found, [width - 1, height - 1] * 2), 0).astype(np.float32)
    sides = found[:, 2:] - found[:, :2] + 1
    return found, scores[:, kinds:].transpose(0, 2, 3, 1).reshape(-1), sides.min(axis=1), scale


def with_image(boxes):
    """Rows of the image's number, which is 0, and the corners."""
    return np.hstack([np.zeros((len(boxes), 1)), boxes]).astype(np.float32)


def python_proposal(fields, bottoms, blobs, tops):
    """rbgirshick/py-faster-rcnn at 54d2576, lib/rpn/proposal_layer.py; `scales` as in YuwenXiong/py-R-FCN."""
    text = fields["python_param"]["param_str"]
    stride = int(re.search(r"feat_stride'?\s*:\s*(\d+)", text).group(1))
    scales = re.search(r"scales'?\s*:[^\[]*\[([^\]]*)\]", text)
    base = anchors(16, (0.5, 1, 2), [float(each) for each in scales.group(1).split(",")] if scales else (8, 16, 32))
    boxes, scores, sides, scale = proposals(base, stride, bottoms)
    keep = np.flatnonzero(sides >= 16 * scale)
    order = keep[np.argsort(-scores[keep], kind="stable")][:6000]
    kept = suppress(boxes, order, 0.7, more=1)[:300]
    return [with_image(boxes[kept]), scores[kept].reshape(-1, 1)][:tops]


def proposal(fields, bottoms, blobs, tops):
    """luoyetx/mini-caffe at 17472f7, src/layers/proposal_layer.cpp: what is small scores 0."""
    param = fields["proposal_param"]
    base = anchors(param.get("base_size", 16), param["ratio"], param["scale"])
    boxes, scores, sides, scale = proposals(base, param.get("feat_stride", 16), bottoms)
    scores = scores * (sides >= param.get("min_size", 16) * scale)
    order = np.argsort(-scores, kind="stable")[: param.get("pre_nms_topn", 6000)]
    kept = suppress(boxes, order, param.get("nms_thresh", 0.7), more=1)[: param.get("post_nms_topn", 300)]
    return [with_image(boxes[kept]), scores[kept]][:tops]


def predictions(x, sizes, classes, scale):
    """get_region_box of MobileNet-YOLO's layers: rows of predictions, place by place, and the corners of the boxes."""
    side = x.shape[2]
    rows = x[0].reshape(len(sizes), 5 + classes, side * side).transpose(2, 0, 1).astype(np.float32)
    at = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 1, 2)
    middle = (at + 1 / (1 + np.exp(-rows[..., :2]))) / side
    extent = np.exp(rows[..., 2:4]) * np.array(sizes) / (side * scale)
    boxes = np.concatenate([middle - extent / 2, middle + extent / 2], axis=2)
    return rows.reshape(-1, 5 + classes), boxes.reshape(-1, 4).astype(np.float32)


def chosen(labels, scores, boxes, sure, threshold):
    """The rows of the candidates of these places that overlap no better one, for MobileNet-YOLO's layers."""
    order = np.flatnonzero(sure)
    order = order[np.argsort(-scores[order], kind="stable")]
    kept = suppress(boxes, order, threshold)
    if not len(kept):
        return no_detections(1)
    rows = np.column_stack([np.zeros(len(kept)), labels[kept], scores[kept], boxes[kept]])
    return [rows[np.newaxis, np.newaxis].astype(np.float32)]


MANY = 10000  # candidates


def yolov3(fields, bottoms, blobs, tops):
    """eric612/MobileNet-YOLO at 1870776, yolov3_detection_output_layer.cpp."""
    param = fields["yolov3_detection_output_param"]
    classes, kinds, masks = param.get("num_classes", 20), param.get("num_box", 3), param["mask"]
    step = len(masks) // param.get("mask_group_num", 2)
    pairs = np.array(param["biases"]).reshape(-1, 2)
    found = [
        predictions(x, pairs[masks[i * step : i * step + kinds]], classes, param["anchors_scale"][i])
        for i, x in enumerate(bottoms)
    ]
    rows, boxes = (np.concatenate([each[part] for each in found]) for part in (0, 1))
    sure = 1 / (1 + np.exp(-rows[:, 4:]))
    scores = (sure[:, 1:] * sure[:, :1]).reshape(-1)
    labels, places = np.tile(np.arange(1, classes + 1), len(rows)), np.arange(len(rows)).repeat(classes)
    enough = scores > param.get("confidence_threshold", 0.01)
    if enough.sum() > MANY:  # a box's best class suppresses the others, which only takes long to find out
        enough &= scores == scores.reshape(-1, classes).max(axis=1).repeat(classes)
    return chosen(labels, scores, boxes[places], enough, param.get("nms_threshold", 0.45))


def yolov2(fields, bottoms, blobs, tops):
    """eric612/MobileNet-YOLO at 092f8df, yolo_detection_output_layer.cpp."""
    param = fields["yolo_detection_output_param"]
    classes, kinds = param.get("num_classes", 20), param.get("num_box", 5)
    pairs = np.array(param["biases"]).reshape(-1, 2)[:kinds]
    found = [predictions(x, pairs, classes, 1) for x in bottoms]
    rows, boxes = (np.concatenate([each[part] for each in found]) for part in (0, 1))
    raised = np.exp(rows[:, 5:] - rows[:, 5:].max(axis=1, keepdims=True))
    likely = raised / raised.sum(axis=1, keepdims=True)
    scores = likely.max(axis=1) / (1 + np.exp(-rows[:, 4]))
    enough = scores >= param.get("confidence_threshold", 0.01)
    return chosen(likely.argmax(axis=1) + 1, scores, boxes, enough, param.get("nms_threshold", 0.45))


def text_boxes(fields, bottoms, blobs, tops):
    """MhLiao/TextBoxes at fd4d7a9, prior_box_layer.cpp: every box twice, the second half a place lower."""
    param = fields["prior_box_param"]
    (size,), ratios = param["min_size"], [1.0]
    for ratio in param.get("aspect_ratio", []):
        if all(abs(ratio - known) >= 1e-6 for known in ratios):
            ratios += [ratio, 1 / ratio] if param.get("flip", True) else [ratio]
    extents = [(size, size), *((np.sqrt(size * most),) * 2 for most in param.get("max_size", []))]
    extents += [(size * np.sqrt(ratio), size / np.sqrt(ratio)) for ratio in ratios if abs(ratio - 1) >= 1e-6]
    (rows, columns), (height, width) = bottoms[0].shape[2:], bottoms[1].shape[2:]
    boxes = []
    for h in range(rows):
        for w in range(columns):
            x = (w + 0.5) * width / columns
            for a, b in extents:
                for y in ((h + 0.5) * height / rows, (h + 1.0) * height / rows):
                    boxes += [(x - a / 2) / width, (y - b / 2) / height, (x + a / 2) / width, (y + b / 2) / height]
    boxes = np.clip(boxes, 0, 1) if param.get("clip", False) else np.array(boxes)
    variances = np.resize(np.array(param.get("variance", [0.1])), boxes.shape)
    return [np.stack([boxes, variances])[np.newaxis].astype(np.float32)]


def text_detection_output(fields, bottoms, blobs, tops):
    """MhLiao/TextBoxes at fd4d7a9, detection_output_layer.cpp: as SSD's, but for what it cuts and gives for none."""
    (rows,) = detection_output(fields, bottoms, blobs, tops)
    if (rows[..., 1] == -1).all():
        return [np.full((1, 1, 1, 7), -1, np.float32)]
    rows[..., 3:] = np.clip(rows[..., 3:], 0, 1)
    return [rows]


def psroi_pooling(fields, bottoms, blobs, tops):
    """daijifeng001/caffe-rfcn, psroi_pooling_layer.cu: the mean over each bin of the channel that belongs to it."""
    param, (x, rois) = fields["psroi_pooling_param"], bottoms
    size, count, scale = param["group_size"], param["output_dim"], np.float32(param["spatial_scale"])
    y = np.zeros((len(rois), count, size, size), np.float32)
    for n, roi in enumerate(rois.reshape(len(rois), 5)):
        corners = np.sign(roi[1:]) * np.floor(np.abs(roi[1:]) + 0.5)  # C's round
        begins = (corners[:2] * scale)[::-1]
        bins = np.maximum(((corners[2:] + 1) * scale)[::-1] - begins, np.float32(0.1)) / np.float32(size)
        for i, j in np.ndindex(size, size):
            low = np.floor(np.float32([i, j]) * bins + begins).clip(0, x.shape[2:]).astype(int)
            high = np.ceil(np.float32([i + 1, j + 1]) * bins + begins).clip(0, x.shape[2:]).astype(int)
            if (high > low).all():
                channels = np.arange(count) * size * size + i * size + j
                y[n, :, i, j] = x[int(roi[0]), channels, low[0] : high[0], low[1] : high[1]].mean(axis=(1, 2))
    return [y]
