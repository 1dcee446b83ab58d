"""Caffe2, which is part of torch 1.0.1 to 1.10.2, for Python 3.7 to 3.9; there is none for newer versions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NAME = "Caffe2"
READS = ("caffe2",)
VARIABLE = "CAFFE2_PYTHON"

# The packages are pinned to versions with which these builds work.
RECIPES = (
    ("3.7", "1.0.1", ("torch==1.0.1", "numpy==1.21.6", "protobuf==3.20.3", "future", "six")),
    ("3.9", "1.10.2", ("torch==1.10.2", "numpy==1.19.5", "protobuf==3.20.0", "future", "six")),
    ("3.8", "1.4.0", ("torch==1.4.0", "numpy==1.23.5", "protobuf==3.20.3", "future", "six")),
)


def installed(site: Path) -> str | None:
    """Return the version of torch in a folder of packages, if it contains Caffe2."""
    if not any(site.glob("caffe2/python/*_state.*.so")):
        return None
    for record in sorted(site.glob("torch-*.dist-info")):
        return record.name[len("torch-") : -len(".dist-info")].split("+")[0]
    return ""


# ---- Inside its interpreter ----


def version() -> str:
    """Return the version of torch that contains this Caffe2, without importing torch."""
    import caffe2
    from caffe2.python import workspace  # noqa: F401 - what cannot be imported has no version

    return installed(Path(caffe2.__file__).parents[1]) or "of unknown version"


def load(files: Mapping[str, str]) -> bytes:
    """Return the net, after creating its parameters in the workspace. Empty init_nets are not run."""
    from caffe2.python import workspace

    workspace.ResetWorkspace()
    for role, path in files.items():
        if role.startswith("init_net") and os.path.getsize(path):
            workspace.RunNetOnce(Path(path).read_bytes())
    return Path(files["predict_net"]).read_bytes()


def run(net: bytes, feeds: Sequence[tuple[str, Any]], wanted: Sequence[str]) -> dict[str, Any]:
    """Return all tensors in the workspace."""
    from caffe2.python import workspace

    for name, array in feeds:
        workspace.FeedBlob(name, array)
    workspace.RunNetOnce(net)
    found = {name: _fetched(name) for name in [*wanted, *sorted(workspace.Blobs())]}
    return {name: array for name, array in found.items() if array is not None}


def _fetched(name: str) -> Any:
    """Return the numbers of a blob; None if it is not a tensor."""
    from caffe2.python import workspace

    try:
        array = workspace.FetchBlob(name)
    except Exception:
        return None
    return array if hasattr(array, "dtype") and array.dtype.kind in "fiub" else None
