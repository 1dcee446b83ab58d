"""The shapes that a reference has, for a network whose own files do not tell them."""

from __future__ import annotations

from dataclasses import replace

from pipeline.config import Options
from pipeline.engine.sources import Entrance
from pipeline.graph.format import Source
from pipeline.graph.input_spec import TensorSpec


def with_shapes(options: Options, source: Entrance) -> Options:
    """Return the options with the inputs of the reference, where neither they nor the files tell any.

    They are a flat list: the import nests them as the network has it. Raises InvalidInputError for no npz.
    """
    if options.inputs or options.reference is None or source.format.tells_shapes(Source(source.roles)):
        return options
    from pipeline.verification.feeds import input_shapes

    return replace(options, inputs=tuple(str(TensorSpec(shape)) for shape in input_shapes(options.reference)))
