"""Opens old Torch7 and Caffe networks, converts them to current formats, and verifies that they compute the same.

    import torch2caffe2

    made = torch2caffe2.convert("model.t7", to="onnx", output="converted")
    print(made.files["model.onnx"], made.evidence)

`open` shows and runs a network of any format, `convert` converts it, `resume`, `verify` and `diff` work on the result,
and `plan` and `scan` look ahead. Every error is a subclass of `PipelineError`, whose attributes say what happened,
where, why, and what to do. Nothing is printed, and nothing is imported before it is used. The command line is
`python -m torch2caffe2`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.errors import (
        Interrupted,
        InvalidInputError,
        MachineError,
        MissingLibrary,
        OverBudget,
        PipelineError,
        UnsupportedError,
        UsageError,
        VerificationError,
    )
    from torch2caffe2.conversion import Conversion, convert, plan, resume, scan, verify
    from torch2caffe2.model import Model, diff, open

__all__ = [
    "Conversion",
    "Interrupted",
    "InvalidInputError",
    "MachineError",
    "MissingLibrary",
    "Model",
    "OverBudget",
    "PipelineError",
    "UnsupportedError",
    "UsageError",
    "VerificationError",
    "convert",
    "diff",
    "open",
    "plan",
    "resume",
    "scan",
    "verify",
]

_HOMES = {
    "torch2caffe2.conversion": ("Conversion", "convert", "plan", "resume", "scan", "verify"),
    "torch2caffe2.model": ("Model", "diff", "open"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is public
    if name not in (*__all__, "__version__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from torch2caffe2.origin import refuse_stranger

    refuse_stranger()
    if name == "__version__":
        return import_module("pipeline").__version__
    home = next((module for module, names in _HOMES.items() if name in names), "pipeline.errors")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
