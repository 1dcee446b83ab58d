"""The options of a conversion as Python values. `pipeline.config.Options` declares what each means."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Real
from operator import index
from typing import Any, Literal, TypedDict

from pipeline.config import OPTIONS
from pipeline.errors import UsageError
from pipeline.graph.input_spec import TensorSpec

Path = str | os.PathLike[str]
Shape = tuple[int, ...]
Inputs = str | Shape | Sequence[str | Shape] | Mapping[str, str | Shape]
"""Shapes of inputs: (1, 3, 224, 224), a sequence of shapes, a mapping by name, or as for `--input`: "2x3", "x=2x3"."""


OF_SEVERAL = frozenset({"name", "jobs", "scheduler"})  # options that only make sense for several models


class Settings(TypedDict, total=False):
    """The options of a conversion, named as on the command line: `weights_format` is `--weights-format`.

    An option that may be repeated takes a list or a single value.
    """

    weights: Path
    root: str
    store: Path
    remote_store: str
    without: str | Sequence[str]
    stop_after: str
    verify: bool
    reference: Path
    force: str | Sequence[str]
    tolerance: float
    output_tolerance: float
    seed: int
    runtimes: str | Sequence[str]
    require_runtimes: str | Sequence[str]
    report: Path
    record: Path
    plugins: Path | Sequence[Path]
    keep_loss: bool
    limits: str | Sequence[str]
    states: bool
    cut: str | Sequence[str]
    outputs: str | Sequence[str]
    phase: str
    stages: str | Sequence[str]
    not_stages: str | Sequence[str]
    level: int
    optimize: str | Sequence[str]
    weights_format: Literal["protobuf", "hdf5"]
    split_init: bool


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that were passed: those that are neither None nor an empty tuple."""
    return {
        name: value
        for name, value in values.items()
        if value is not None and not (isinstance(value, tuple) and not value)
    }


def as_options(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings in the form of options: repeatable ones as lists, shapes of inputs as text.

    Raises UsageError for an option that only makes sense for several models.
    """
    for name in values.keys() & OF_SEVERAL:
        raise UsageError(f"{name} is for several models, and a call converts one", advice="call from several threads")
    return {
        name: list(input_specs(value)) if name == "inputs" else _listed(name, value) for name, value in values.items()
    }


def _listed(name: str, value: Any) -> Any:  # noqa: ANN401 - any setting
    several = name in OPTIONS and str(OPTIONS[name].type).startswith("tuple")
    return [value] if several and isinstance(value, str | os.PathLike) else value


def input_specs(inputs: Inputs) -> tuple[str, ...]:
    """Return the shapes of inputs in the notation of `--input`. Raises UsageError for invalid shapes.

    >>> input_specs((1, 3, 8, 8)), input_specs({"image": (1, 3), "state": (4,)}), input_specs(["2x3", (4,)])
    (('1x3x8x8',), ('image=1x3', 'state=4'), ('2x3', '4'))
    """
    if isinstance(inputs, str):
        return (inputs,)
    if isinstance(inputs, Mapping):
        return tuple(_spec(shape, name) for name, shape in inputs.items())
    if not isinstance(inputs, Sequence) or (inputs and any(isinstance(extent, Real) for extent in inputs)):
        return (_spec(inputs),)
    return tuple(map(_spec, inputs))


def _spec(shape: Any, name: str = "") -> str:  # noqa: ANN401 - a text, or extents
    if isinstance(shape, str):
        return f"{name}={shape}" if name else shape
    try:
        return str(TensorSpec(tuple(map(index, shape)), name))
    except TypeError as error:
        raise UsageError(f"{shape} is no shape of an input", why=str(error), advice="as (1, 3, 224, 224)") from error
