"""Converts Torch7 networks to Caffe and Caffe2 in cached, verified stages."""

__version__ = "0.1.0"
