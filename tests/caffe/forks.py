"""What layers of Caffe's forks compute, in numpy, each from the definition in the fork that is named.

They run in our own tests and, as Python layers, in a real Caffe's interpreter (Python 3.6 to 3.9).
"""

import numpy as np


class Fork:
    """A reference: `run(fields, bottoms, blobs, tops)` gives the arrays of the tops."""

    def __init__(self, run, applies=lambda layer: True):
        self.run = run
        self.applies = applies


FORKS = {}


def fork(*types, applies=lambda layer: True):
    """Register a reference for layers of these types, where `applies` to a layer's fields."""

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
