"""Reads ONNX's operators into the graph. Importing the package registers all readers."""

from pipeline.onnx.read import same, shape
from pipeline.onnx.read.network import read
from pipeline.onnx.read.reader import READS, OnnxReader, reads

__all__ = ["READS", "OnnxReader", "read", "reads", "same", "shape"]
