"""ONNX Runtime, which reads ONNX models, after the checker of onnx has accepted them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NAME = "ONNXRuntime"
READS = ("onnx",)
VARIABLE = "ONNXRUNTIME_PYTHON"
ADVICE = "pip install 'torch2caffe2[onnx]'"


def installed(site: Path) -> str | None:
    """Return the version in a folder of packages. Raises ImportError if onnx, whose checker is used, is missing."""
    if not (site / "onnxruntime").is_dir():
        return None
    if not (site / "onnx").is_dir():
        raise ImportError("it is installed, but onnx, whose checker comes first, is not")
    records = site.glob("onnxruntime*.dist-info")
    return next((record.name[: -len(".dist-info")].rpartition("-")[2] for record in records), "")


# ---- Inside its interpreter ----


def version() -> str:
    """Return ONNX Runtime's version."""
    import onnx  # noqa: F401 - it is needed, too
    import onnxruntime

    return str(onnxruntime.__version__)


def load(files: Mapping[str, str]) -> Any:
    """Return a session that returns every value that a node of the model makes. The model is checked first."""
    import onnx
    import onnxruntime

    path = files["onnx"]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.path.dirname(path))
    onnx.checker.check_model(path, full_check=True)
    return onnxruntime.InferenceSession(_with_all_values(path), options, providers=["CPUExecutionProvider"])


def run(net: Any, feeds: Sequence[tuple[str, Any]], wanted: Sequence[str]) -> dict[str, Any]:
    """Return all values of the model."""
    names = [value.name for value in net.get_outputs()]
    return dict(zip(names, net.run(names, dict(feeds))))


def _with_all_values(path: str) -> bytes:
    """Return the bytes of a model in which every value that a node makes is an output.

    protobuf merges a message that is appended: so further outputs are added to the graph.
    """
    import onnx

    graph = onnx.load(path, load_external_data=False).graph
    given = {value.name for value in graph.output}
    more = [value for value in graph.value_info if value.name not in given]
    with open(path, "rb") as file:
        return file.read() + bytes(onnx.ModelProto(graph=onnx.GraphProto(output=more)).SerializeToString())
