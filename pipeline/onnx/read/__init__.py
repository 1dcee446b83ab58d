"""From ONNX to the neutral graph; importing the package registers every reader."""

from pipeline.onnx.read import same, shape
from pipeline.onnx.read.network import read
from pipeline.onnx.read.reader import READS, OnnxReader, reads

__all__ = ["READS", "OnnxReader", "read", "reads", "same", "shape"]
