"""PyTorch itself, which runs the source of a module, or an exported program, without this package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

NAME = "PyTorch"
READS = ("pytorch", "pt2")
VARIABLE = "PYTORCH_PYTHON"
ADVICE = "pip install 'torch2caffe2[pytorch]'"


def installed(site: Path) -> str | None:
    """Return the version in a folder of packages. Raises ImportError if safetensors is missing."""
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
    """Return a module, from its source and parameters or an exported program, and the values of its submodules."""
    import importlib.util
    import json

    import safetensors
    import torch

    if "pt2" in files:
        return torch.export.load(files["pt2"]).module(), {}
    spec = importlib.util.spec_from_file_location("model", files["module"])
    assert spec is not None
    assert spec.loader is not None
    model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(model)
    with safetensors.safe_open(files["parameters"], "pt") as parameters:
        return model.load(files["parameters"]), json.loads(parameters.metadata()["values"])


def run(net: Any, feeds: Sequence[tuple[str, Any]], wanted: Sequence[str]) -> dict[str, Any]:
    """Return the outputs, named by their order, and the outputs of submodules. Floats are fed as float32."""
    import torch

    module, values = net
    found: dict[str, Any] = {}
    hooks = [module.get_submodule(path).register_forward_hook(_keep(found, names)) for path, names in values.items()]
    arrays = [array.astype("float32") if array.dtype.kind == "f" else array for _, array in feeds]
    with torch.no_grad():
        outputs = module(*(torch.from_numpy(array.copy(order="C")) for array in arrays))
    for hook in hooks:
        hook.remove()
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return {**found, **{name: value.numpy() for name, value in zip(wanted, outputs)}}


def _keep(found: dict[str, Any], names: Sequence[str]) -> Callable[[Any, Any, Any], None]:
    """Return a hook that keeps the output of a submodule, in each run under the next of its names."""
    following = iter(names)

    def hook(module: Any, taken: Any, given: Any) -> None:
        found[next(following)] = given.numpy()

    return hook
