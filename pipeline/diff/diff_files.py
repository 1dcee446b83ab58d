"""Two files, of any formats, compared by meaning; and the difference as a table and as JSON."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from pipeline.diff.difference import Array, Diff, diff, diff_weights
from pipeline.errors import InvalidInputError, UsageError
from pipeline.graph.comparison import Difference
from pipeline.graph.values import Graph
from pipeline.inspection import formats, networks
from pipeline.inspection.networks import Source
from pipeline.inspection.table import Table
from pipeline.inspection.views import plain, shape_text

_WEIGHTS = frozenset({"caffemodel", "hdf5", "init_net"})


def compare(before: Source, after: Source, *, tolerance: float = 1e-4, seed: int = 0, run: bool = True) -> Diff:
    """Compare two networks, or two files of nothing but weights.

    A format that does not tell the shapes of its inputs (t7, NetDef) takes those of the other network. Without
    weights a prototxt is compared by its layers alone. Raises what reading raises, and UsageError for weights
    against a network.
    """
    kinds = [_kind(source) for source in (before, after)]
    if _WEIGHTS.intersection(kinds):
        if not _WEIGHTS.issuperset(kinds):
            place = kinds[0] not in _WEIGHTS
            raise UsageError(
                f"{(before, after)[place].path} holds only weights, the other file a network",
                advice="name the network they belong to, and these with --weights",
            )
        return diff_weights(_weights(before, kinds[0]), _weights(after, kinds[1]))
    first, second = _graphs(before, after)
    weights = not any(map(_is_bare, (before, after)))
    return diff(first, second, tolerance=tolerance, seed=seed, weights=weights, run=run)


def _kind(source: Source) -> str:
    kind = formats.recognise(source.path)
    if kind == "netdef" and not source.weights and networks.is_init_net(source.path):
        return "init_net"
    return kind


def _weights(source: Source, kind: str) -> dict[str, Array]:
    if kind == "init_net":
        from pipeline.caffe2.files import read_weights as read_fills

        return read_fills(source.path)
    from pipeline.caffe.blobs import ABSENT
    from pipeline.caffe.files import read_weights

    found = read_weights(source.path)
    arrays = {f"{name}[{i}]": blob.array for name, blobs in found.items() for i, blob in enumerate(blobs)}
    return {name: array for name, array in arrays.items() if array is not ABSENT}


def _graphs(before: Source, after: Source) -> tuple[Graph, Graph]:
    if _takes_shapes(before) and not _takes_shapes(after):
        second, first = _graphs(after, before)
        return first, second
    first = _graph(before)
    if _takes_shapes(after):
        after = replace(after, inputs=_specs(first))
    return first, _graph(after)


def _takes_shapes(source: Source) -> bool:
    """Tell a network whose file does not say what shapes it is used with; what a t7 remembers is a guess."""
    path, kind = networks.resolve(source.path, networks.IN_FOLDER)
    if source.inputs or kind not in ("t7", "netdef"):
        return False
    return kind == "t7" or not path.with_name("manifest.json").is_file()


def _specs(graph: Graph) -> tuple[str, ...]:
    return tuple(shape_text(value.shape) for value in graph.inputs)


def _is_bare(source: Source) -> bool:
    """Tell a prototxt without weights."""
    path, kind = networks.resolve(source.path, networks.IN_FOLDER)
    return kind == "prototxt" and not (source.weights or networks.weights_beside(path))


def _graph(source: Source) -> Graph:
    if not _is_bare(source):
        return networks.load(source)
    from pipeline.caffe import files
    from pipeline.caffe.read import outline
    from pipeline.caffe.read.given import input_shapes

    path, _ = networks.resolve(source.path, networks.IN_FOLDER)
    net = files.read_pair(path)
    graph, notes = outline(net, input_shapes(net, source.inputs))
    if notes:
        raise InvalidInputError(f"{path} cannot be read whole", why="\n".join(notes))
    return graph


def as_table(found: Diff, title: str) -> Table:
    """Return a row a difference, and remarks on names, on the outputs, and on what follows."""
    rows = tuple((change.what, change.where, change.detail) for change in found.changes)
    remarks = []
    if found.renamed:
        shown = ", ".join(f"{a} -> {b}" for a, b in found.renamed[:3])
        remarks.append(f"{len(found.renamed)} nodes have other names: {shown}" + (" ..." if found.renamed[3:] else ""))
    remarks.append(_numbers(found))
    remarks.append(_verdict(found))
    return Table(title, ("difference", "node", ""), rows, tuple(remarks))


def _verdict(found: Diff) -> str:
    if not found.same:
        return "the two differ"
    return "the same in meaning, written differently" if found.changes else "the same in meaning"


def _numbers(found: Diff) -> str:
    if found.numbers is None:
        return f"outputs were not compared: {found.why}"
    worst = max(found.numbers.outputs.values(), key=lambda d: d.relative, default=Difference(0.0, 0.0))
    if found.numbers.agree(found.tolerance):
        return f"outputs on the same inputs agree: {worst.relative:.3g} apart at most, {found.tolerance:g} is allowed"
    place = f", first in {found.numbers.first}" if found.numbers.first else ""
    return f"outputs on the same inputs differ: {worst.relative:.3g} apart{place}; {found.tolerance:g} is allowed"


def as_json(found: Diff) -> dict[str, Any]:
    """Return the differences as plain JSON values."""
    numbers = found.numbers
    outputs = {
        name: {"max_abs": plain(each.maximum), "relative": plain(each.relative)}
        for name, each in (numbers.outputs.items() if numbers else ())
    }
    return {
        "same": found.same,
        "changes": [{name: plain(value) for name, value in asdict(change).items()} for change in found.changes],
        "renamed": [list(pair) for pair in found.renamed],
        "outputs": outputs if numbers else None,
        "outputs_agree": numbers.agree(found.tolerance) if numbers else None,
        "first_diverging": numbers.first if numbers else "",
        "not_compared": found.why,
        "tolerance": found.tolerance,
    }
