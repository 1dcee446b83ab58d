"""The format Caffe2: a predict_net with the operators, and init_nets that make its parameters."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipeline.errors import InvalidInputError, UsageError
from pipeline.graph.format import Format, Network, Note, Role, Source, Written, no_note
from pipeline.wire.progress import Progress, no_progress
from pipeline.wire.words import CONTROL

if TYPE_CHECKING:
    import numpy as np

    from pipeline.graph.inventory import Inventory, Part
    from pipeline.graph.values import Graph, Shape

    Array = np.ndarray[Any, Any]

_PREDICT, _TEXT, _INIT = "predict_net.pb", "predict_net.pbtxt", "init_net.pb"
_NUMBERED = re.compile(r"init_net(_\d+)?\.pb")
_HEAD = 1 << 16  # bytes by which the text of a NetDef is recognised
_OPERATORS = re.compile(rb"^[^\S\n]*+(op\s*\{|external_input\s*:)", re.MULTILINE)
_NAME, _OP = 1, 2  # the fields of a NetDef that hold its name, and operators
_LAYER = 100  # that of Caffe's NetParameter that holds layers


class Caffe2(Format):
    """A predict_net, and one or several init_nets, all of which are NetDefs."""

    __slots__ = ()
    name = "caffe2"
    title = "Caffe2"
    roles = (
        Role("predict_net", (_PREDICT,), title="a predict_net"),
        Role("init_net", (_INIT,), only_weights=True, title="an init_net"),
    )
    writes = True
    viewable = True

    def recognise(self, view: memoryview) -> str:
        """Return the role of a NetDef in text or binary form; "" for any other file.

        A net is an init_net if none of its operators takes a blob: then they only fill parameters.
        """
        head = bytes(view[:_HEAD])
        if not (_is_net(view) or (not CONTROL.search(head) and _OPERATORS.search(head))):
            return ""
        from pipeline.caffe2.outline import is_init_net

        return "init_net" if is_init_net(view) else "predict_net"

    def read(self, source: Source, note: Note = no_note) -> Network:
        """Read a net with the given shapes, or those in the manifest of the run that wrote it.

        Raises UsageError if there is no init_net.
        """
        from pipeline.caffe2 import files
        from pipeline.caffe2.read import read
        from pipeline.graph import signature

        inits = _inits(source)
        if not inits:
            raise UsageError(f"{source.path} has no init_net beside it", advice="--weights FILE names the init_net")
        net = files.read_pair(source.path, *inits)
        data = [name for name in net.predict.external_input if name not in net.weights]
        graph = read(net, _shapes(source, data))
        names = ([value.name for value in side] for side in (graph.inputs, graph.outputs))
        return Network(graph, source.signature or signature.of_graph(graph).with_blobs(self.name, *names))

    def inventory(self, source: Source) -> Inventory:
        """List the operators of a predict_net, or the fills of an init_net."""
        from pipeline.caffe2.inventory import inventory

        return inventory(self, source)

    def known(self, parts: Iterable[Part]) -> Container[str]:
        """Return the operators that can be read, and the fills in `parts` whose numbers could be read."""
        from pipeline.caffe2.read import READS

        return {*READS, *(part.kind for part in parts if not part.inputs and part.weights)}

    def tells_shapes(self, source: Source) -> bool:
        """Return whether this program wrote the net: a NetDef has no shapes, but the manifest beside it has."""
        from pipeline.graph import signature

        return source.signature is not None or signature.read_manifest(source.path.parent) is not None

    def weights(self, source: Source) -> Mapping[str, Array]:
        """Read the parameters that an init_net makes."""
        from pipeline.caffe2.files import read_weights

        return read_weights(*source.files.values())

    def write(
        self,
        graph: Graph,
        folder: Path,
        options: Mapping[str, Any] = MappingProxyType({}),
        progress: Progress = no_progress,
    ) -> Written:
        """Write each node as operators. With the option `split_init`, several init_nets stay below 2 GiB each."""
        from pipeline.caffe2 import files
        from pipeline.caffe2.write import write

        net = write(graph)
        predict, init = folder / _PREDICT, folder / _INIT
        split = bool(options.get("split_init"))
        digests = files.write_pair(net, predict, folder / _TEXT, init, progress, split=split)
        inputs = tuple(net.predict.external_input[: len(graph.inputs)])
        paths = {"predict_net": predict} | _by_role(files.init_nets(init))
        return Written(paths, digests, inputs, tuple(net.predict.external_output))

    def rehearse(self, graph: Graph) -> Graph:
        """Return the graph after writing it as operators in memory, and reading these again."""
        from pipeline.caffe2.read import read
        from pipeline.caffe2.write import write

        net = write(graph)
        inputs = net.predict.external_input[: len(graph.inputs)]
        return read(net, {blob: value.shape for blob, value in zip(inputs, graph.inputs, strict=True)})

    def beside(self, path: Path) -> Mapping[str, Path]:
        """Return the init_net that is named like a predict_net, and its further parts that the manifest lists."""
        from pipeline.caffe2.files import init_nets
        from pipeline.graph import signature

        first = path.with_name(path.name.replace("predict", "init").replace(".pbtxt", ".pb"))
        if first == path or not first.is_file():
            return {}
        manifest = signature.read_manifest(path.parent)
        several = manifest.files.get("init_nets", ()) if manifest else None
        return _by_role([near for near in init_nets(first) if several is None or near in (first, *_in(path, several))])

    def in_folder(self, folder: Path) -> Mapping[str, Path]:
        """Return the files of an artifact, including all its init_nets."""
        from pipeline.caffe2.files import init_nets

        predict, init = folder / _PREDICT, folder / _INIT
        if not predict.is_file():
            return {}
        return {"predict_net": predict, **(_by_role(init_nets(init)) if init.is_file() else {})}

    def listed(self, names: Collection[str]) -> Mapping[str, str | list[str]]:
        """Return the names by role. If there are several init_nets, `init_nets` lists all of them in order."""
        several = sorted(filter(_NUMBERED.fullmatch, names), key=lambda name: (len(name), name))
        return {**super().listed(names), **({"init_nets": several} if len(several) > 1 else {})}


def _is_net(view: memoryview) -> bool:
    """Tell a binary NetDef by its first operator, which has a type, at 4, and no number at 5, as an old Caffe layer."""
    from pipeline.wire.scan import LENGTH_DELIMITED, VARINT, first_of, kinds

    first = first_of(view, _OP, _LAYER, name=_NAME)
    if first is None or first.number == _LAYER or first.end - first.start < first.value:  # cut before it has told
        return False
    inner = kinds(view, first)
    return (4, LENGTH_DELIMITED) in inner and (5, VARINT) not in inner


def _by_role(paths: Sequence[Path]) -> dict[str, Path]:
    """Return init_nets by role, as for runtimes: init_net, init_net_2 ..."""
    return {f"init_net_{number}" if number > 1 else "init_net": path for number, path in enumerate(paths, 1)}


def _in(path: Path, names: Iterable[str]) -> list[Path]:
    return [path.with_name(name) for name in names]


def _inits(source: Source) -> list[Path]:
    return [path for role, path in source.files.items() if role.startswith("init_net")]


def _shapes(source: Source, data: Sequence[str]) -> dict[str, Shape]:
    """Return the shapes of the inputs by blob: those given, else those of the signature, else of the manifest.

    An artifact may have other inputs than the run was given shapes for: states in addition, or no labels.
    """
    from pipeline.graph.input_spec import by_name
    from pipeline.graph.signature import MANIFEST

    if source.inputs and source.signature is None:
        return by_name(data, source.inputs)
    known = source.recorded()
    if not known.notes(Caffe2.name):
        raise InvalidInputError(f"{MANIFEST} beside {source.path} does not tell the blobs of Caffe2")
    return {port.blobs[Caffe2.name]: port.shape for port in known.inputs}


CAFFE2 = Caffe2()
