"""Writes the graph as ONNX's operators. Importing the package registers all writers."""

from pipeline.onnx.write import normalization, same, shape
from pipeline.onnx.write.builder import WRITES, OnnxBuilder, writes
from pipeline.onnx.write.network import write

__all__ = ["WRITES", "OnnxBuilder", "normalization", "same", "shape", "write", "writes"]
