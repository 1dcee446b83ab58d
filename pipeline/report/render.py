"""Fills the templates: a report becomes one page that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pipeline.graph.values import Value
from pipeline.report import drawing, words
from pipeline.report.data import LayerRow, NetworkSummary, Report
from pipeline.report.verdict import verdict

if TYPE_CHECKING:
    from jinja2 import Environment

_PACKAGE = "pipeline.report"


def render(report: Report) -> str:
    """Return the page. Its policy lets nothing run but its own script, and nothing be loaded from anywhere."""
    from markupsafe import Markup

    style, script = _asset("style.css"), _asset("script.js")
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
            followers=_followers(report.network) if report.network else {},
            takers=_takers(report.network) if report.network else {},
            diagram=drawing.of_network(report.network) if report.network else None,
            steps=drawing.steps(report.run),
            stages=drawing.of_stages(report.run),
            time_line=drawing.time_line(report.run),
            plot=drawing.of_parity(report.parity, layers) if report.parity else None,
            style=Markup(style),  # a file of this package
            script=Markup(script),  # a file of this package
            policy=f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
            "img-src data:; base-uri 'none'; form-action 'none'",
        )
    )


def render_index(reports: Mapping[str, Report]) -> str:
    """Return a page that leads to the pages of several runs, given by where those are as seen from it."""
    from markupsafe import Markup

    style = _asset("style.css")
    entries = [{"page": quote(page), "run": report.run, "verdict": verdict(report)} for page, report in reports.items()]
    return (
        _environment()
        .get_template("index.html")
        .render(
            entries=entries,
            style=Markup(style),  # a file of this package
            policy=f"default-src 'none'; style-src '{_digest(style)}'; base-uri 'none'; form-action 'none'",
        )
    )


@cache  # with the templates that it has compiled, which takes longer than to fill them
def _environment() -> Environment:
    """Return Jinja with everything escaped; a name that a template misspells is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=words.shown,
    )
    names = ("short", "shape", "size", "count", "seconds", "number", "moment", "plural")
    filters: dict[str, Any] = {name: getattr(words, name) for name in names}
    environment.filters |= filters | {"spark": drawing.spark, "as_uri": _as_uri}
    environment.globals["plural"] = words.plural
    return environment


def _asset(name: str) -> str:
    return (resources.files(_PACKAGE) / "templates" / name).read_text(encoding="utf-8").strip()


def _as_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _makers(network: NetworkSummary) -> dict[str, LayerRow]:
    """Map a value's name to the layer that makes it."""
    values: list[tuple[Value, LayerRow]] = [(value, layer) for layer in network.layers for value in layer.outputs]
    return {value.name: layer for value, layer in values}


def _followers(network: NetworkSummary) -> dict[int, list[int]]:
    """Map a layer's place to the places of those that take what it makes."""
    found: dict[int, list[int]] = {layer.index: [] for layer in network.layers}
    for start, end in network.edges:
        found[start].append(end)
    return found


def _takers(network: NetworkSummary) -> dict[int, LayerRow]:
    """Map a weight's place to the first layer that takes it."""
    return {place: layer for layer in reversed(network.layers) for place in layer.weights}
