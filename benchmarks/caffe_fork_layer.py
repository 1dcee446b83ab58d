"""A Python layer that lets a real Caffe run a layer of a fork, by the numpy reference in `tests/caffe/forks.py`.

It runs in Caffe's own interpreter (Python 3.6 to 3.9), which finds it on PYTHONPATH.
"""

import json

import caffe
import numpy as np

from tests.caffe.detectors import no_detections
from tests.caffe.forks import FORKS

_SLOW = ("YoloDetectionOutput", "Yolov3DetectionOutput")  # on zeros, which make every box a candidate


class ForkLayer(caffe.Layer):
    """The layer that param_str describes: its type, its fields and the shapes of its blobs."""

    def setup(self, bottom, top):
        """Make the blobs, which the weights then fill."""
        self.described = json.loads(self.param_str)
        self.given, self.made = None, None
        for shape in self.described["blobs"]:
            self.blobs.add_blob(*shape)

    def reshape(self, bottom, top):
        """Compute once, since shapes may depend on everything."""
        for index, array in enumerate(self._computed(bottom, len(top))):
            top[index].reshape(*array.shape)

    def forward(self, bottom, top):
        """Compute."""
        for index, array in enumerate(self._computed(bottom, len(top))):
            top[index].data[...] = array

    def backward(self, top, propagate_down, bottom):
        """Nothing is learnt here."""

    def _computed(self, bottom, tops):
        fork = FORKS[self.described["type"]]
        arrays, blobs = ([np.array(some[i].data) for i in range(len(some))] for some in (bottom, self.blobs))
        if self.described["type"] in _SLOW and not any(array.any() for array in arrays):
            return no_detections(1)  # the net is being made, and nothing was fed
        given = [*arrays, *blobs]
        if self.given is None or not all(map(np.array_equal, given, self.given)):
            with np.errstate(all="ignore"):
                self.given, self.made = given, fork.run(self.described["fields"], arrays, blobs, tops)
        return self.made
