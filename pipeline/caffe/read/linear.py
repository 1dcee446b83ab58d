"""Layers that multiply by a matrix: InnerProduct and Embed."""

from __future__ import annotations

from math import prod

from pipeline.caffe.read.layer import LayerReader
from pipeline.caffe.read.reader import CaffeReader, reads
from pipeline.graph.operators import Cast, Gather, Gemm, Reshape
from pipeline.graph.values import Value


def product(net: CaffeReader, x: Value, weights: Value, bias: Value | None, axis: int, trans: int = 1) -> Value:
    """Return the product of the axes of x from `axis` on, as one axis, and weights (N, K), or (K, N) if not `trans`."""
    inner = prod(x.shape[axis:])
    outputs = weights.shape[0 if trans else 1]
    rows = x
    if x.rank != 2 or axis != 1:
        lead = {0: 1, 1: 0}.get(axis, -1)
        rows = net.add(Reshape(shape=(lead, -1 if axis == 1 else inner)), x, part="rows")
    y = net.add(Gemm(transB=trans), rows, weights, bias, part="" if axis == 1 else "product")
    if axis == 1:
        return y
    return net.add(Reshape(shape=(-1, *x.shape[1:axis], outputs) if axis else (outputs,)), y)


@reads("InnerProduct")
def inner_product(layer: LayerReader, net: CaffeReader) -> None:
    """A matrix product over the axes from `axis` on; weights (N, K), or (K, N) with `transpose`."""
    fields, x = layer.param("inner_product_param"), layer.bottom
    axis = layer.axis(fields.int("axis"), x.rank)
    outputs, inner = fields.int("num_output"), prod(x.shape[axis:])
    if outputs < 1:
        layer.invalid("it has no num_output")
    transpose = fields.flag("transpose")
    shapes = [(inner, outputs) if transpose else (outputs, inner)] + [(outputs,)] * fields.flag("bias_term")
    arrays = net.parameters(layer, *shapes)
    weights = net.weight(arrays[0], "w")
    bias = net.weight(arrays[1], "b") if len(arrays) > 1 else None
    net.give(layer, product(net, x, weights, bias, axis, trans=int(not transpose)))


@reads("Embed")
def embed(layer: LayerReader, net: CaffeReader) -> None:
    """A row of the weights (input_dim, num_output) for every index, which counts from 0 (embed_layer.cpp)."""
    fields, x = layer.param("embed_param"), layer.bottom
    rows, outputs = fields.int("input_dim"), fields.int("num_output")
    if rows < 1 or outputs < 1:
        layer.invalid(f"a table of {rows} rows of {outputs}")
    arrays = net.parameters(layer, *[(rows, outputs), *[(outputs,)] * fields.flag("bias_term")])
    indices = net.add(Cast(to="int64"), x, part="indices")
    y = net.add(Gather(axis=0), net.weight(arrays[0], "w"), indices)
    if len(arrays) > 1:
        y = net.add("Add", y, net.weight(arrays[1], "b"), part="biased")
    net.give(layer, y)
