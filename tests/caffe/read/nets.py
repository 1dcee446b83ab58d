"""Small networks for the tests of the readers, written as prototxt."""

import numpy as np
from google.protobuf import text_format

from pipeline.caffe.files import CaffeNet
from pipeline.caffe.read import read
from pipeline.caffe.schema import NetParameter
from pipeline.graph.evaluation import run
from pipeline.wire.unknown_fields import keep


def net(text, blobs=None, legacy=()):
    """Return a network from its text and, by layer, arrays."""
    arrays = {name: tuple(np.asarray(blob, np.float32) for blob in group) for name, group in (blobs or {}).items()}
    return CaffeNet(text_format.Parse(keep(text, NetParameter), NetParameter()), arrays, frozenset(legacy))


def inputs(**shapes):
    """Return the text of Input layers."""
    layers = []
    for name, shape in shapes.items():
        dims = " ".join(f"dim: {extent}" for extent in shape)
        layers.append(f'layer {{ name: "{name}" type: "Input" top: "{name}" input_param {{ shape {{ {dims} }} }} }}\n')
    return "".join(layers)


def layer(kind, *bottoms, param="", tops=("y",), name="y", blobs=None, legacy=(), **shapes):
    """Return a network of one layer over inputs of these shapes, as a graph."""
    wires = "".join(f' bottom: "{each}"' for each in bottoms) + "".join(f' top: "{each}"' for each in tops)
    text = inputs(**shapes) + f'layer {{ name: "{name}" type: "{kind}"{wires} {param} }}'
    return read(net(text, {name: blobs} if blobs else None, [name] if legacy else ()))


def result(graph, *feeds):
    """Run a graph of one output."""
    (output,) = run(graph, feeds)
    return output
