"""Compares two files of any formats by meaning, and shows the difference as a table or as JSON."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from pipeline.diff.difference import Diff, diff, diff_weights
from pipeline.errors import UsageError
from pipeline.formats import Location, locate, only_weights
from pipeline.graph.comparison import Difference
from pipeline.graph.format import Format, Source
from pipeline.graph.values import Graph
from pipeline.inspection.table import TextTable
from pipeline.inspection.views import plain, shape_text
from pipeline.validation import check_value


def compare(before: Location, after: Location, *, tolerance: float = 1e-4, seed: int = 0, run: bool = True) -> Diff:
    """Compare two networks, or two files of weights.

    A network whose format does not contain the shapes of its inputs (t7, NetDef) gets those of the other network. A
    prototxt without weights is compared only by its layers. Raises what reading raises, and UsageError for a file of
    weights and a network, or a tolerance or seed that makes no sense.
    """
    check_value("tolerance", tolerance)
    check_value("seed", seed)
    found = locate(before), locate(after)
    bare = [only_weights(*each) for each in found]
    if any(bare):
        if not all(bare):
            raise UsageError(
                f"{(before, after)[not bare[0]].path} holds only weights, the other file a network",
                advice="name the network they belong to, and these with --weights",
            )
        return diff_weights(*(dict(known.weights(source)) for known, source in found))
    first, second = _graphs(*found)
    weights = not any(_lacks_weights(*each) for each in found)
    return diff(first, second, tolerance=tolerance, seed=seed, weights=weights, run=run)


Located = tuple[Format, Source]


def _graphs(before: Located, after: Located) -> tuple[Graph, Graph]:
    """Read two networks. One whose files do not contain the shapes of its inputs gets those of the other."""
    if _takes_shapes(*before) and not _takes_shapes(*after):
        second, first = _graphs(after, before)
        return first, second
    first = before[0].sketch(before[1]).graph
    if _takes_shapes(*after):
        after = after[0], replace(after[1], inputs=tuple(shape_text(value.shape) for value in first.inputs))
    return first, after[0].sketch(after[1]).graph


def _takes_shapes(known: Format, source: Source) -> bool:
    return not source.inputs and not known.tells_shapes(source)


def _lacks_weights(known: Format, source: Source) -> bool:
    role = known.weights_role
    return role is not None and role.name not in source.files


def as_table(found: Diff, title: str) -> TextTable:
    """Return a table with a row for each difference, and remarks on names and outputs, and a conclusion."""
    rows = tuple((change.what, change.where, change.detail) for change in found.changes)
    remarks = []
    if found.renamed:
        shown = ", ".join(f"{a} -> {b}" for a, b in found.renamed[:3])
        remarks.append(f"{len(found.renamed)} nodes have other names: {shown}" + (" ..." if found.renamed[3:] else ""))
    remarks.append(_numbers(found))
    remarks.append(_verdict(found))
    return TextTable(title, ("difference", "node", ""), rows, tuple(remarks))


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
    """Return the differences as JSON values."""
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
