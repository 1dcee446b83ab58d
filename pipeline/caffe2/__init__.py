"""Caffe2's networks: their files and schema, reading to the graph, and writing from it."""
