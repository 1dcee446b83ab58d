"""PyTorch itself, which runs the source of a module, or its export, without anything of this program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NAME = "PyTorch"
READS = ("pytorch", "pt2")
VARIABLE = "PYTORCH_PYTHON"
ADVICE = "pip install 'torch2caffe2[pytorch]'"


def installed(site: Path) -> str | None:
    """Return the version in a folder of packages. Raises ImportError where safetensors is not there."""
    records = [record.name for record in site.glob("torch-*.dist-info")]
    if not records:
        return None
    if not (site / "safetensors").is_dir():
        raise ImportError("it is installed, but safetensors, which holds a module's parameters, is not")
    return records[0][len("torch-") : -len(".dist-info")].partition("+")[0]


# ---- Inside its interpreter ----


def version() -> str:
    """Return PyTorch's version."""
    import safetensors.torch  # noqa: F401 - it is needed, too
    import torch

    return str(torch.__version__)


def load(files: Mapping[str, str]) -> Any:
    """Return the module that its source makes, with its parameters, or an exported program as a module."""
    import importlib.util

    if "pt2" in files:
        import torch

        return torch.export.load(files["pt2"]).module()
    spec = importlib.util.spec_from_file_location("model", files["module"])
    assert spec is not None
    assert spec.loader is not None
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    return model.load(files["parameters"])


def run(net: Any, feeds: Sequence[tuple[str, Any]], wanted: Sequence[str]) -> dict[str, Any]:
    """Return the outputs, which have no names but their order; floats are fed as float32."""
    import torch

    arrays = [array.astype("float32") if array.dtype.kind == "f" else array for _, array in feeds]
    with torch.no_grad():
        outputs = net(*(torch.from_numpy(array.copy(order="C")) for array in arrays))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return {name: value.numpy() for name, value in zip(wanted, outputs)}
