"""Records what every module, layer and operator became in the fixtures: `python -m tests.recorded`.

A name's part of a network is cut out and written alone in each format; what that format then lists is its form.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from pipeline.caffe.format import CAFFE
from pipeline.errors import PipelineError, UnsupportedError
from pipeline.formats import READ
from pipeline.graph.format import Format, Source
from pipeline.graph.values import Graph, Node
from pipeline.inspection.operators import GRAPH_COLUMN, RECORD, Form
from pipeline.torch7.importer import read
from pipeline.verification.cut import cut
from tests.torch7.fixtures import DATA, io, structured

LAYERS = DATA.parent / "caffe"
Counts = dict[str, dict[str, Counter[Form]]]  # by name and format


class Record:
    """Counts the forms that were seen."""

    def __init__(self) -> None:
        self.sections: dict[str, Counts] = {
            name: defaultdict(lambda: defaultdict(Counter)) for name in ("layers", "modules", "operators")
        }

    def add(self, graph: Graph, section: str) -> None:
        """Count the forms of everything in a graph, whose nodes come from the names of a `section`."""
        for kind, nodes in parts(graph):
            self._count(self.sections[section][kind], graph, nodes)
        for node in graph.nodes:
            self._count(self.sections["operators"][node.operator.name], graph, [node])

    def _count(self, counts: dict[str, Counter[Form]], graph: Graph, nodes: Sequence[Node]) -> None:
        counts[GRAPH_COLUMN][unique(node.operator.name for node in nodes)] += 1
        for known in READ:
            if known.writes and (form := written(known, cut(graph, nodes))) is not None:
                counts[known.name][form] += 1

    def as_text(self) -> str:
        """Return the record: forms by frequency, and by name where that is equal."""
        told = {
            section: {
                name: {column: _ordered(forms) for column, forms in sorted(counts[name].items())}
                for name in sorted(counts)
            }
            for section, counts in self.sections.items()
        }
        sections = (
            f' "{section}": {{\n' + ",\n".join(f"  {json.dumps(n)}: {json.dumps(c)}" for n, c in names.items()) + "\n }"
            for section, names in told.items()
        )
        return "{\n" + ",\n".join(sections) + "\n}\n"


def _ordered(forms: Counter[Form]) -> list[Form]:
    return sorted(forms, key=lambda form: (-forms[form], form))


def parts(graph: Graph) -> Iterator[tuple[str, list[Node]]]:
    """Return what each module or layer of a graph became: its class, and its nodes."""
    places: dict[tuple[str, str], list[Node]] = {}
    for node in graph.nodes:
        places.setdefault((node.origin.path, node.origin.kind), []).append(node)
    yield from ((kind, nodes) for (_, kind), nodes in places.items() if kind)


def written(known: Format, graph: Graph) -> Form | None:
    """Return the kinds of parts that a format writes for a graph; None where it cannot."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            files = known.write(graph, Path(folder)).files
            found = known.inventory(Source(files)).parts
        except PipelineError:
            return None
        inputs = {value.name for value in graph.inputs}
        return unique(part.kind for part in found if part.name not in inputs)


def unique(kinds: Iterable[str]) -> Form:
    """Return each name once, in order."""
    return tuple(dict.fromkeys(kinds))


def torch7_graph(folder: Path) -> Graph:
    """Import a fixture of Torch7 for the inputs that it was run with."""
    meta = json.loads((folder / "meta.json").read_text())
    structure, (inputs, _) = meta["input"], io(folder)
    specs = [structured(item, inputs) for item in ([structure] if isinstance(structure, str) else structure)]
    return read(folder / "model.t7", specs, meta.get("root"))


def caffe_graph(folder: Path) -> Graph:
    """Read a fixture of Caffe."""
    files = {"prototxt": folder / "deploy.prototxt", "caffemodel": folder / "weights.caffemodel"}
    return CAFFE.read(Source(files)).graph


def record() -> Record:
    """Return what all fixtures became; those that are refused become nothing."""
    found = Record()
    for section, place, load in (("modules", DATA, torch7_graph), ("layers", LAYERS, caffe_graph)):
        for folder in sorted(path for path in place.iterdir() if (path / "io.npz").is_file()):
            with suppress(UnsupportedError):
                found.add(load(folder), section)
    return found


if __name__ == "__main__":
    RECORD.write_text(record().as_text(), encoding="utf-8")
