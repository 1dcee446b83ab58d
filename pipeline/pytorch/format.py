"""The format PyTorch: the source of a module, and its parameters. It is only written, not read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipeline.graph.format import Format, Role, Written
from pipeline.wire.progress import Progress, no_progress

if TYPE_CHECKING:
    from pipeline.graph.values import Graph

_SOURCE, _WEIGHTS = "model.py", "model.safetensors"


class PyTorch(Format):
    """A torch.nn.Module, written as a person would write it."""

    __slots__ = ()
    name = "pytorch"
    title = "PyTorch"
    roles = (
        Role("module", (_SOURCE,), lacks_weights=True, title="the source of a module"),
        Role("parameters", (_WEIGHTS,), only_weights=True, title="the parameters of a module"),
    )
    writes = True
    reads = False

    def write(
        self,
        graph: Graph,
        folder: Path,
        options: Mapping[str, Any] = MappingProxyType({}),
        progress: Progress = no_progress,
    ) -> Written:
        """Write each node as a layer or an expression.

        The metadata of the parameters say which values submodules make, so that these can be compared.
        """
        from pipeline.graph.safetensors import write_tensors
        from pipeline.pytorch.write import write
        from pipeline.wire.splice import write as write_parts

        module = write(graph)
        digests = {
            _WEIGHTS: write_tensors(folder / _WEIGHTS, module.arrays, progress, {"values": json.dumps(module.values)}),
            _SOURCE: write_parts(folder / _SOURCE, [module.text.encode("ascii")]),
        }
        return Written(self.in_folder(folder), digests, module.inputs, module.outputs)

    def rehearse(self, graph: Graph) -> Graph:
        """Return the graph itself. Raises UnsupportedError if not all of it can be written."""
        from pipeline.pytorch.write import WRITES, ModuleBuilder

        WRITES.write(graph, ModuleBuilder)
        return graph


PYTORCH = PyTorch()
