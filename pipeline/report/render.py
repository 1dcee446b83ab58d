"""Fills the templates with a report, which gives one self-contained page."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pipeline.graph.values import Value
from pipeline.report import drawing, folding, kinds, words
from pipeline.report.data import LayerRow, NetworkSummary, Parity, Report
from pipeline.report.drawing import NetworkDrawing
from pipeline.report.labels import Label, label
from pipeline.report.verdict import verdict
from pipeline.report.zoo import Row, Zoo

if TYPE_CHECKING:
    from jinja2 import Environment

_PACKAGE = "pipeline.report"


def render(report: Report) -> str:
    """Return the page. Its policy allows only its own script, and no loading from anywhere."""
    layers = _makers(report.network) if report.network else {}
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            verdict=verdict(report),
            run=report.run,
            network=report.network,
            parity=report.parity,
            layers=layers,
            takers=_takers(report.network) if report.network else {},
            drawings=_drawings(report.network, report.parity) if report.network else [],
            steps=drawing.steps(report.run),
            stages=drawing.of_stages(report.run),
            time_line=drawing.time_line(report.run),
            plot=drawing.of_parity(report.parity, layers) if report.parity else None,
            **_own("tables.js", "script.js"),
        )
    )


def render_zoo(rows: Sequence[Row]) -> str:
    """Return the page about several runs, with a sortable table."""
    return _environment().get_template("zoo.html").render(zoo=Zoo(rows), **_own("tables.js"))


def _own(*names: str) -> dict[str, Any]:
    """Return the style and scripts of a page, and the policy that allows nothing else."""
    from markupsafe import Markup

    style, scripts = _asset("style.css"), [_asset(name) for name in names]
    digests = " ".join(f"'{_digest(script)}'" for script in scripts)
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src {digests}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return {
        "style": Markup(style),
        "scripts": [Markup(script) for script in scripts],
        "policy": policy,
    }  # our own files


@cache  # with its compiled templates: compiling takes longer than filling
def _environment() -> Environment:
    """Return the Jinja environment. Everything is escaped, and an unknown name in a template is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=words.shown,
    )
    names = ("short", "shape", "size", "count", "seconds", "number", "moment", "plural", "sortable")
    filters: dict[str, Any] = {name: getattr(words, name) for name in names}
    environment.filters |= filters | {"spark": drawing.spark, "as_uri": _as_uri, "url": quote, "kind": kinds.kind}
    environment.globals |= {"plural": words.plural, "MARKS": kinds.MARKS}
    return environment


def _asset(name: str) -> str:
    return (resources.files(_PACKAGE) / "templates" / name).read_text(encoding="utf-8").strip()


def _as_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _makers(network: NetworkSummary) -> dict[str, LayerRow]:
    """Return the layer that makes each value, by the name of the value."""
    values: list[tuple[Value, LayerRow]] = [(value, layer) for layer in network.layers for value in layer.outputs]
    return {value.name: layer for value, layer in values}


def _drawings(network: NetworkSummary, parity: Parity | None) -> list[tuple[str, NetworkDrawing, list[Label]]]:
    """Draw a network: folded, if it has repetitions, and as a whole."""
    ways = {"folded": folding.folded(network), "whole": folding.whole(network)}
    return [
        (name, drawing.of_network(network, parts), [label(part, network, parity) for part in parts])
        for name, parts in ways.items()
        if name == "whole" or parts != ways["whole"]
    ]


def _takers(network: NetworkSummary) -> dict[int, LayerRow]:
    """Return the first layer that uses each weight, by the index of the weight."""
    return {place: layer for layer in reversed(network.layers) for place in layer.weights}
