"""The shapes that a user gives for a Caffe network's inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.caffe.read.network import inputs
from pipeline.errors import UsageError
from pipeline.graph.input_spec import TensorSpec, parse_input_spec
from pipeline.graph.values import Shape

if TYPE_CHECKING:
    from pipeline.caffe.files import CaffeNet


def input_shapes(net: CaffeNet, specs: Sequence[str], *, keep_loss: bool = False) -> dict[str, Shape]:
    """Return the shapes of `--input` by blob. Those without a name are for the inputs in the order of the prototxt.

    Raises UsageError for a table, and for more shapes than the network has inputs.
    """
    given = [parse_input_spec(text) for text in specs]
    names = inputs(net, given=[spec.name for spec in given if isinstance(spec, TensorSpec)], keep_loss=keep_loss)
    shapes: dict[str, Shape] = {}
    for position, (spec, text) in enumerate(zip(given, specs, strict=True)):
        if not isinstance(spec, TensorSpec):
            raise UsageError(f"--input {text}: a Caffe network takes tensors, not tables")
        if not spec.name and position >= len(names):
            takes = ", ".join(names) or "nothing"
            raise UsageError(f"--input {text} is one too many", why=f"the network takes {takes}")
        shapes[spec.name or names[position]] = spec.shape
    return shapes
