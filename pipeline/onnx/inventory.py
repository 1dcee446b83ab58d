"""The inventory of an ONNX model: its nodes."""

from __future__ import annotations

from pipeline.graph.format import Format, Source, attempt
from pipeline.graph.inventory import Inventory, Measure, Part, count, measured, peak_bytes
from pipeline.onnx.files import OnnxModel, read_model
from pipeline.onnx.forms import AS_INPUTS
from pipeline.onnx.read.operator import Operator


def inventory(known_as: Format, source: Source) -> Inventory:
    """List the nodes of a model, which is read as the format `known_as`.

    A model that cannot be read completely is listed nevertheless, with a note. Raises as `read_model`.
    """
    model = read_model(source.path)
    graph, notes = attempt(lambda: known_as.read(source), given=bool(source.inputs))
    measures = measured(graph, lambda node: node.name) if graph else {}
    shapes = {value.name: value.shape for value in graph.inputs} if graph else {}
    inputs = [value.name for value in model.proto.graph.input if value.name not in model.weights]
    return Inventory(
        f"ONNX model {model.proto.graph.name or source.path.name}",
        known_as.name,
        "nodes",
        tuple(_part(Operator(node), node.doc_string, model, measures) for node in model.proto.graph.node),
        {name: shapes.get(name) for name in inputs},
        tuple(value.name for value in model.proto.graph.output),
        notes,
        peak_bytes(graph) if graph else None,
    )


# The inputs, by name of the operator, that are settings of a node, not weights.
_SETTINGS = {operator.name: names for operator, names in AS_INPUTS.items()} | {"Resize": ("roi", "scales", "sizes")}


def _part(operator: Operator, origin: str, model: OnnxModel, measures: dict[str, Measure]) -> Part:
    names = _SETTINGS.get(operator.type, ())
    settings = {key: given for key, given in zip(names, operator.inputs[1:], strict=False) if given in model.weights}
    taken = [name for name in operator.inputs if name in model.weights and name not in settings.values()]
    weights = {name: model.weights[name] for name in taken}
    return Part(
        operator.name,
        operator.type,
        tuple(name for name in operator.inputs if name and name not in model.weights),
        operator.outputs,
        operator.told() | {key: model.weights[given].tolist() for key, given in settings.items()},
        weights,
        count(weights.values()),
        (operator.name,),
        origin,
        measures.get(operator.name),
    )
