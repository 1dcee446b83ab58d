"""The shapes that a reference has, for a network whose own file does not tell them."""

from __future__ import annotations

from dataclasses import replace

from pipeline.config import Options
from pipeline.graph.input_spec import TensorSpec
from pipeline.torch7.format import TORCH7


def with_shapes(options: Options, kind: str) -> Options:
    """Return the options with the inputs of the reference, where a Torch7 file's are not given.

    They are a flat list: the import nests them as the network has it. Raises InvalidInputError for no npz.
    """
    if kind != TORCH7.name or options.inputs or options.reference is None:
        return options
    from pipeline.verification.feeds import input_shapes

    return replace(options, inputs=tuple(str(TensorSpec(shape)) for shape in input_shapes(options.reference)))
