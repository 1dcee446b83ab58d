"""ONNX's networks: files and schema; read to the graph, written from it."""
