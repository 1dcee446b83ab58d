"""The format Torch7, which is read, but never written."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING

from pipeline.graph.format import Format, Network, Note, Role, Source, no_note

if TYPE_CHECKING:
    from pipeline.graph.inventory import Inventory, Part

_BINARY = re.compile(rb"[\x00-\x08]\x00\x00\x00", re.DOTALL)  # the type number of the first object
_ASCII = re.compile(rb"[0-8]\r?\n")


class Torch7(Format):
    """A .t7 file: one object, a network or something that holds one."""

    __slots__ = ()
    name = "t7"
    title = "Torch7"
    roles = (Role("t7", title="a Torch7 file"),)
    viewable = True

    def recognise(self, view: memoryview) -> str:
        """Return "t7" if the file begins with a type number, as all binary and ascii files do, else ""."""
        head = bytes(view[:4])
        if len(view) > len(head) and not any(view[:64]):
            return ""  # the file would hold only a nil
        return "t7" if _BINARY.match(head) or _ASCII.match(head) else ""

    def read(self, source: Source, note: Note = no_note) -> Network:
        """Find the network in the file and lower its modules, with the plugins that `source` names.

        Inputs in tables are called by their position: 2.1 is the first in the table that is the second.
        """
        from pipeline import plugins
        from pipeline.graph import signature
        from pipeline.graph.input_spec import TableSpec, parse_inputs, places
        from pipeline.torch7 import importer
        from pipeline.torch7.mode import PLAIN, Mode

        inputs, name = parse_inputs(source.inputs), source.path.stem
        mode = Mode(states=source.states, drop_loss=source.keep_loss is False)
        with plugins.loaded(source.plugins, note):
            found = importer.find_network(source.path, source.root or None, note)
            with plugins.no_late_imports(source.plugins):
                made = importer.lower(
                    found.network, inputs, name, found.checkpoint, note=note, likeliest=source.likeliest, mode=mode
                )
        ports = signature.of_graph(made.graph, importer.element_type(found.network))
        if mode == PLAIN and any(isinstance(spec, TableSpec) for spec in made.inputs):
            ports = ports.with_blobs(self.name, places(made.inputs), [port.name for port in ports.outputs])
        return Network(made.graph, ports)

    def inventory(self, source: Source) -> Inventory:
        """List the modules of the network."""
        from pipeline.torch7.inventory import inventory

        return inventory(source.path, source.inputs, source.root)

    def known(self, parts: Iterable[Part]) -> Container[str]:
        """Return the module classes that can be lowered."""
        from pipeline.torch7.modules import definitions

        return {name for name, _ in definitions()}

    def tells_shapes(self, source: Source) -> bool:
        """Return False: what modules remember of their last run is only a hint."""
        return False


TORCH7 = Torch7()
