"""The format of exported programs: model.pt2, which torch.export makes of a module, and which needs no source."""

from __future__ import annotations

import importlib.util
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import MachineError, UnsupportedError
from pipeline.graph.format import Format, Role

if TYPE_CHECKING:
    from pipeline.graph.signature import Signature

_PROGRAM = "model.pt2"


class ExportedProgram(Format):
    """A program that torch.export made of a module, for the shapes that it was converted for."""

    __slots__ = ()
    name = "pt2"
    title = "torch.export"
    roles = (Role("pt2", (_PROGRAM,), title="an exported program"),)
    reads = False

    def listed(self, names: Collection[str]) -> Mapping[str, str | list[str]]:
        """Return the file, which is listed although this format has no `write`: see `export`."""
        return {"pt2": _PROGRAM} if _PROGRAM in names else {}


def export(files: Mapping[str, Path], ports: Signature, folder: Path) -> None:
    """Write a module as an exported program. torch.export traces it, so its source is executed.

    `files` are those of the module, which this program wrote, by role. Raises MachineError if a package that the module
    needs is missing, UnsupportedError if torch.export cannot trace it, for example if shapes depend on the data.
    """
    import torch

    spec = importlib.util.spec_from_file_location("model", files["module"])
    assert spec is not None and spec.loader is not None
    source = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(source)
    except ImportError as error:
        raise MachineError(
            "torch.export cannot run the module", why=str(error), advice="pip install 'torch2caffe2[pytorch]'"
        ) from error
    network: Any = source.load(files["parameters"])
    taken = tuple(torch.zeros(port.shape) for port in ports.inputs)
    try:
        with torch.no_grad():
            program = torch.export.export(network, taken)
    except Exception as error:  # it has no kind of its own
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UnsupportedError.one("the network", f"torch.export refuses it: {said}") from error
    torch.export.save(program, folder / _PROGRAM)


PT2 = ExportedProgram()
