"""Caffe's networks: files, schema, upgrade of old ones; read to the graph, written from it."""
