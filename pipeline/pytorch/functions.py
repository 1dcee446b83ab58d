"""Functions that are written into the source, for operators that PyTorch has neither as a layer nor an expression."""

from __future__ import annotations

from collections.abc import Mapping

# Fast R-CNN's roi_pooling_layer.cpp, whose quotients are float32.
_MAX_ROI_POOL = '''\
def max_roi_pool(x, rois, size, scale):
    """Return the largest number in each bin of every region; 0 in an empty bin.

    rois are rows of image, left, top, right, bottom; the corners belong to it.
    """
    corners = rois[:, 1:] * scale
    corners = (corners.sign() * (corners.abs() + 0.5).floor()).long().tolist()
    y = x.new_zeros(len(rois), x.shape[1], *size)
    for i, (left, top, right, bottom) in enumerate(corners):
        image = x[int(rois[i, 0])]
        for j, rows in enumerate(bins(top, bottom, size[0])):
            for k, columns in enumerate(bins(left, right, size[1])):
                numbers = image[:, rows, columns].flatten(1)
                if numbers.shape[1]:
                    y[i, :, j, k] = numbers.amax(1)
    return y


def bins(first, last, count):
    """Divide first to last into bins that may overlap by a place."""
    edges = torch.arange(count + 1) * (torch.tensor(max(last - first + 1, 1)) / count)
    starts, ends = edges[:-1].floor().long() + first, edges[1:].ceil().long() + first
    pairs = zip(starts.clamp(min=0).tolist(), ends.clamp(min=0).tolist())
    return [slice(start, end) for start, end in pairs]
'''

FUNCTIONS: Mapping[str, str] = {"max_roi_pool": _MAX_ROI_POOL}  # by name
