"""The format Caffe: a readable prototxt, and its weights."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipeline.caffe.recognition import is_hdf5, recognise
from pipeline.errors import InvalidInputError, UnsupportedError
from pipeline.graph.format import Format, Network, Note, Role, Source, Written, no_note
from pipeline.wire.progress import Progress, no_progress

if TYPE_CHECKING:
    import numpy as np

    from pipeline.caffe.files import CaffeNet
    from pipeline.caffe.read.cut import Cut
    from pipeline.graph.inventory import Inventory, Part
    from pipeline.graph.signature import Signature
    from pipeline.graph.values import Graph

    Array = np.ndarray[Any, Any]

_PROTOTXT, _CAFFEMODEL, _HDF5 = "deploy.prototxt", "model.caffemodel", "model.caffemodel.h5"
_SELECTED = "selected.prototxt"


class Caffe(Format):
    """A prototxt and a caffemodel, or weights in HDF5."""

    __slots__ = ()
    name = "caffe"
    title = "Caffe"
    roles = (
        Role("prototxt", (_PROTOTXT,), lacks_weights=True, title="a prototxt"),
        Role("caffemodel", (_CAFFEMODEL, _HDF5), only_weights=True, title="a caffemodel"),
    )
    writes = True
    viewable = True

    def recognise(self, view: memoryview) -> str:
        """Return the role of a prototxt, a caffemodel or weights in HDF5; "" for any other file."""
        return recognise(view)

    def read(self, source: Source, note: Note = no_note) -> Network:
        """Read a pair of files, with the plugins that `source` names.

        Shapes that the user gives apply only to the user's own files, not to an artifact. The outputs are those of the
        signature if the net has them all, else Caffe's own.
        """
        from pipeline.plugins import loaded

        with loaded(source.plugins, note):
            return self._read(source, note)

    def _read(self, source: Source, note: Note) -> Network:
        from pipeline.caffe import files
        from pipeline.caffe.read import read
        from pipeline.caffe.read.given import input_shapes
        from pipeline.graph import signature

        net, known = _net(source), source.signature
        tops = {top for layer in net.net.layer for top in layer.top}
        outputs = known.output_blobs(self.name) if known else []
        emitted = bool(outputs) and tops.issuperset(outputs)
        notes: list[str] = []
        with _of(source.path):
            graph = read(
                net,
                None if known else input_shapes(net, source.inputs, keep_loss=bool(source.keep_loss)),
                outputs=outputs if emitted else None,
                keep_loss=bool(source.keep_loss),
                cut=() if known else source.cut,
                until=() if known else source.outputs,
                notes=notes,
            )
        for text in notes:
            note(text)
        own = signature.of_graph(graph)
        if known and emitted and _same_shapes(known, own):
            return Network(graph, known)
        if not known and (source.cut or source.outputs):
            own = replace(own, cut=files.described(_part(net, source).left_out))
        names = ([value.name for value in side] for side in (graph.inputs, graph.outputs))
        return Network(graph, own.with_blobs(self.name, *names))

    def sketch(self, source: Source) -> Network:
        """Read a prototxt without its weights, which become zeros. Raises InvalidInputError for faults in it."""
        from pipeline.caffe.read import outline
        from pipeline.caffe.read.given import input_shapes
        from pipeline.graph import signature
        from pipeline.plugins import loaded

        if "caffemodel" in source.files:
            return self.read(source)
        net = _net(source)
        with loaded(source.plugins):
            graph, notes = outline(net, input_shapes(net, source.inputs), cut=source.cut, until=source.outputs)
        if notes:
            raise InvalidInputError(f"{source.path} cannot be read whole", why="\n".join(notes))
        return Network(graph, signature.of_graph(graph))

    def selected(self, source: Source, folder: Path) -> Source:
        """Return a source whose prototxt has only the layers that are read, if options exclude some."""
        chooses = source.phase or source.stages or source.not_stages or source.level is not None
        if source.signature or not (chooses or source.cut or source.outputs):
            return source
        from pipeline.caffe import files
        from pipeline.plugins import loaded

        net, path = _net(source), folder / _SELECTED
        with loaded(source.plugins):
            path.write_text(files.selected(net, _part(net, source).layers), "utf-8")
        return replace(source, files={**source.files, "prototxt": path})

    def inventory(self, source: Source) -> Inventory:
        """List the layers, with or without weights."""
        from pipeline.caffe import inventory

        if source.role == "caffemodel":
            return inventory.blobs(source.path)
        return inventory.inventory(source.path, source.files.get("caffemodel"), source.inputs)

    def known(self, parts: Iterable[Part]) -> Container[str]:
        """Return the types of layers that are supported, including those that are left out."""
        from pipeline.caffe.read import READS
        from pipeline.caffe.read.training import LEFT_OUT

        return {*READS, *LEFT_OUT}

    def weights(self, source: Source) -> Mapping[str, Array]:
        """Read the blobs of a caffemodel or HDF5 file, with names such as `conv1[0]`."""
        from pipeline.caffe.blobs import ABSENT
        from pipeline.caffe.files import read_weights

        found = read_weights(source.path)
        arrays = {f"{name}[{i}]": blob.array for name, blobs in found.items() for i, blob in enumerate(blobs)}
        return {name: array for name, array in arrays.items() if array is not ABSENT}

    def write(
        self,
        graph: Graph,
        folder: Path,
        options: Mapping[str, Any] = MappingProxyType({}),
        progress: Progress = no_progress,
    ) -> Written:
        """Write each node as layers of BVLC Caffe 1.0. With the option `weights_format` "hdf5", weights are in HDF5."""
        from pipeline.caffe import files
        from pipeline.caffe.write import emit

        emission = emit(graph)
        prototxt = folder / _PROTOTXT
        caffemodel = folder / (_HDF5 if options.get("weights_format") == "hdf5" else _CAFFEMODEL)
        digests = files.write_pair(emission.net, prototxt, caffemodel, emission.comments, progress)
        return Written({"prototxt": prototxt, "caffemodel": caffemodel}, digests, emission.inputs, emission.outputs)

    def rehearse(self, graph: Graph) -> Graph:
        """Return the graph after writing it as layers in memory, and reading these again."""
        from pipeline.caffe.read import read
        from pipeline.caffe.write import write

        return read(write(graph))

    def beside(self, path: Path) -> Mapping[str, Path]:
        """Return the weights that are named as a run of this program, or custom, names those of a prototxt.

        Those of a `deploy` have any name, as in Caffe's own model zoo, if they are the only ones beside it.
        """
        names = (_CAFFEMODEL, _HDF5, f"{path.stem}.caffemodel", f"{path.stem}.caffemodel.h5")
        found = [near for name in names if (near := path.with_name(name)) != path and near.is_file()][:1]
        if not found and path.stem == "deploy":
            found = [near for near in path.parent.glob("*.caffemodel*") if near.is_file()]
        return {"caffemodel": found[0]} if len(found) == 1 else {}

    def artifact(self, files: Mapping[str, Path]) -> Mapping[str, Path]:
        """Return a user's pair by the names of an artifact, where weights in HDF5 must end in .h5."""
        from pipeline.wire.mapped import map_file

        weights = files["caffemodel"]
        return {_PROTOTXT: files["prototxt"], _HDF5 if is_hdf5(map_file(weights)) else _CAFFEMODEL: weights}


@contextmanager
def _of(path: Path) -> Iterator[None]:
    """Let an error in the block that is about the contents of a prototxt name this file."""
    try:
        yield
    except UnsupportedError as error:
        error.where = error.where or str(path)
        raise
    except InvalidInputError as error:
        error.where = ", ".join(filter(None, (str(path), error.where)))
        raise


def _net(source: Source) -> CaffeNet:
    from pipeline.caffe import files
    from pipeline.caffe.phase import State

    asked = State(source.phase or "TEST", source.level, source.stages, source.not_stages)
    state = State() if source.signature else asked
    return files.read_pair(source.files["prototxt"], source.files.get("caffemodel"), state)


def _part(net: CaffeNet, source: Source) -> Cut:
    """Return the layers of a net that are read, and those that are not."""
    from pipeline.caffe.read import part
    from pipeline.caffe.read.given import input_shapes

    shapes = input_shapes(net, source.inputs, keep_loss=bool(source.keep_loss))
    return part(net, shapes, cut=source.cut, until=source.outputs)


def _same_shapes(a: Signature, b: Signature) -> bool:
    return all(
        [port.shape for port in one] == [port.shape for port in other]
        for one, other in ((a.inputs, b.inputs), (a.outputs, b.outputs))
    )


CAFFE = Caffe()
