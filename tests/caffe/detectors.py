"""What layers of Caffe's forks that detect compute, in numpy, each from the definition in the fork that is named.

As `tests/caffe/forks.py`, which collects them: they run in a real Caffe's interpreter too (Python 3.6 to 3.9).
"""

import numpy as np


def overlap(a, b, more=0):
    """JaccardOverlap of bbox_util.cpp; with `more` 1, corners are inclusive."""
    width = np.float32(min(a[2], b[2]) - max(a[0], b[0]) + more)
    height = np.float32(min(a[3], b[3]) - max(a[1], b[1]) + more)
    if width <= 0 or height <= 0:
        return 0.0
    areas = [np.float32((box[2] - box[0] + more) * (box[3] - box[1] + more)) for box in (a, b)]
    return width * height / (areas[0] + areas[1] - width * height)


def suppress(boxes, order, threshold, more=0):
    """ApplyNMSFast of bbox_util.cpp: those of `order` that overlap with none before them by more than that."""
    kept = []
    for index in order:
        if all(overlap(boxes[index], boxes[other], more) <= threshold for other in kept):
            kept.append(index)
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
