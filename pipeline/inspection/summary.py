"""A first look at a file: the module tree of a t7, the layers of a Caffe pair, the operators of a graph or NetDef."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InvalidInputError, UsageError
from pipeline.inspection import formats
from pipeline.inspection.table import Table

if TYPE_CHECKING:
    from pipeline.graph.values import Graph, Shape, Value


def inspect(path: Path, weights: Path | None = None, root: str = "") -> Table:
    """Give a table of what is in a file, or in the folder of a run.

    `weights` belongs to a prototxt; without one, the caffemodel beside it is taken. `root` picks a network inside
    a Torch7 table. Raises what reading the file raises, and UsageError for a folder that holds no network.
    """
    kind = formats.recognise(path)
    if kind == "folder":
        return inspect(_network_in(path))
    if kind == "prototxt":
        return caffe_pair(path, weights or _beside(path))
    if kind == "t7":
        return torch7_modules(path, root)
    looks: Mapping[str, Callable[[Path], Table]] = {
        "graph": graph_nodes,
        "caffemodel": caffe_blobs,
        "hdf5": caffe_blobs,
        "netdef": caffe2_operators,
    }
    return looks[kind](path)


def _network_in(folder: Path) -> Path:
    for name in ("deploy.prototxt", "graph.json", "predict_net.pb"):
        if (folder / name).is_file():
            return folder / name
    raise UsageError(f"{folder} holds no network", advice="name a file, or the output folder of a run")


def _beside(prototxt: Path) -> Path | None:
    """Give the weights that a run of ours, or the usual habit, puts beside a prototxt."""
    for weights in (prototxt.with_name("model.caffemodel"), prototxt.with_suffix(".caffemodel")):
        if weights.is_file():
            return weights
    return None


def torch7_modules(path: Path, root: str = "") -> Table:
    """List the modules of the network in a Torch7 file as a tree, with the tensors that each holds."""
    from pipeline.torch7.network import select_network
    from pipeline.torch7.objects import Tensor
    from pipeline.torch7.reader import load
    from pipeline.torch7.tree import walk

    where, network = select_network(load(path), root or None)
    rows, depths, total = [], [], 0
    for place, module in walk(network):
        tensors = {name: module.get(name) for name in ("weight", "bias", "running_mean", "running_var", "v", "g")}
        held = {name: t for name, t in tensors.items() if isinstance(t, Tensor) and not t.is_empty}
        count = sum(_product(tensor.size) for tensor in held.values())
        total += count
        shapes = ", ".join(f"{name} {_shape(tensor.size)}" for name, tensor in held.items())
        rows.append((f"{place} {module.class_name}".strip(), shapes, count))
        depths.append(place.count(".") + bool(place))
    remark = f"{len(rows):,} modules, {total:,} parameters" + (f", found at {where}" if where else "")
    return Table(
        f"Torch7 network in {path.name}", ("module", "tensors", "parameters"), tuple(rows), (remark,), tuple(depths)
    )


def caffe_pair(prototxt: Path, weights: Path | None) -> Table:
    """List the layers of a Caffe network: bottoms, tops, output shape, parameters and multiply-adds."""
    from pipeline.caffe import files
    from pipeline.caffe.read import outline

    net = files.read_pair(prototxt, weights)
    graph, notes = outline(net)
    shapes, costs = _by_layer(graph)
    rows = []
    for layer in net.net.layer:
        count = sum(array.size for array in net.blobs.get(layer.name, ()))
        shape = " ".join(map(_shape, shapes.get(layer.name, ())))
        row = (
            layer.name,
            layer.type,
            " ".join(layer.bottom),
            " ".join(layer.top),
            shape,
            count,
            costs.get(layer.name, 0),
        )
        rows.append(row)
    total = f"{len(rows):,} layers, {sum(r[5] for r in rows):,} parameters, {sum(r[6] for r in rows):,} multiply-adds"
    columns = ("layer", "type", "bottoms", "tops", "output", "parameters", "multiply-adds")
    return Table(f"Caffe network {net.net.name or prototxt.name}", columns, tuple(rows), (total, *notes))


def _by_layer(graph: Graph) -> tuple[dict[str, list[Shape]], dict[str, int]]:
    """Give the output shapes and the multiply-adds of each layer: what its last node gives, what all cost."""
    from pipeline.graph.cost import cost

    shapes: dict[str, list[Shape]] = {value.name: [value.shape] for value in graph.inputs}
    costs: dict[str, int] = {}
    for node in graph.nodes:
        shapes[node.origin.path] = [value.shape for value in node.outputs]
        costs[node.origin.path] = costs.get(node.origin.path, 0) + cost(node)
    return shapes, costs


def caffe_blobs(path: Path) -> Table:
    """List the layers of a weights file that hold blobs."""
    from pipeline.caffe.files import read_weights

    found = read_weights(path)
    rows = tuple(
        (name, "  ".join(_shape(blob.array.shape) for blob in blobs), sum(blob.array.size for blob in blobs))
        for name, blobs in found.items()
    )
    total = f"{len(rows):,} layers with weights, {sum(row[2] for row in rows):,} parameters"
    return Table(f"Caffe weights in {path.name}", ("layer", "blobs", "parameters"), rows, (total,))


def graph_nodes(path: Path) -> Table:
    """List the nodes of a neutral graph."""
    from pipeline.graph import serialization
    from pipeline.graph.cost import cost, parameters

    if not path.with_name("weights.safetensors").is_file():
        raise InvalidInputError(f"{path} has no weights.safetensors beside it", advice="keep the two files together")
    graph = serialization.read(path.parent)
    rows = tuple(
        (
            node.name,
            node.operator,
            " ".join(value.name for value in node.inputs if value is not None and value.name not in graph.weights),
            " ".join(_typed(value) for value in node.outputs),
            parameters(node, graph),
            cost(node),
            str(node.origin),
        )
        for node in graph.nodes
    )
    weights = sum(array.size for array in graph.weights.values())
    total = f"{len(rows):,} nodes, {weights:,} parameters, {sum(row[5] for row in rows):,} multiply-adds"
    columns = ("node", "operator", "inputs", "output", "parameters", "multiply-adds", "origin")
    return Table(f"graph {graph.name}", columns, rows, (total,))


def caffe2_operators(path: Path) -> Table:
    """List the operators of a NetDef with their blobs and arguments; long arguments are only counted."""
    from pipeline.caffe2.outline import outline

    net = outline(path)
    rows = tuple((op.type, " ".join(op.inputs), " ".join(op.outputs), op.arguments) for op in net.operators)
    ends = (
        f"external inputs: {' '.join(net.inputs) or 'none'}",
        f"external outputs: {' '.join(net.outputs) or 'none'}",
    )
    return Table(
        f"Caffe2 net {net.name}",
        ("operator", "inputs", "outputs", "arguments"),
        rows,
        (f"{len(rows):,} operators", *ends),
    )


def _typed(value: Value) -> str:
    return _shape(value.shape) + ("" if value.dtype == "float32" else f" {value.dtype}")


def _shape(shape: Shape) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _product(sizes: Shape) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total
