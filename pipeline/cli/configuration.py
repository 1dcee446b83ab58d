"""The configuration file, told from its declarations: its JSON Schema, and a file with every option.

`python -m pipeline.cli.configuration schema` and `... default` print what is published; no command needs it.
"""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import config
from pipeline.cli import completion
from pipeline.config import OPTIONS

SCHEMA = "docs/config.schema.json"
_OPEN = ("runtimes", "require_runtimes")  # whose values may name a version, as caffe2==1.0.1
_EXAMPLES: Mapping[str, Any] = {  # where the default is no value, or none that shows its form
    "model": "model.t7",
    "weights": "net.caffemodel",
    "output": "model.converted",
    "store": "store",
    "reference": "io.npz",
    "report": "report.html",
    "record": "recorded.npz",
    "level": 0,
    "output_tolerance": 1e-4,
    "keep_loss": False,
}
_HEAD = f"""#:schema ../{SCHEMA}
# Every option of a conversion, with its default; made by python -m pipeline.cli.configuration default. Copy what you
# need into a file of your own and use it with
#
#     torch2caffe2 convert --config my.toml
#
# What is typed on the command line wins over the file. Paths are relative to the file. Several models in one file, each
# under its own [[model]], are shown in zoo.toml.
"""


def default() -> str:
    """Return the file that shows every option, commented out."""
    return "\n".join([_HEAD, *(_shown(name) for name in OPTIONS)])


def _shown(name: str) -> str:
    told = [OPTIONS[name].metadata["help"], *_values(name)]
    lines = [line for text in told for line in textwrap.wrap(text, 116, subsequent_indent="  ")]
    value = OPTIONS[name].default
    value = _EXAMPLES.get(name, value) if value is None else value
    return "\n".join([*(f"# {line}" for line in lines), f"# {name} = {json.dumps(value)}", ""])


def _values(name: str) -> list[str]:
    """Return what an option takes, where that is known: names in a line, or a line for each pass."""
    if name == "optimize":
        from pipeline.graph.passes.registry import PASSES

        return [f"{each}: {(inspect.getdoc(PASSES[each]) or '').splitlines()[0]}" for each in completion.passes()]
    if name == "limits":
        from pipeline.graph.budget import LIMITS

        return [f"{each}: {limit.counts}, {limit.number:,}" for each, limit in LIMITS.items()]
    return [f"One of: {', '.join(completion.VALUES[name]())}."] if name in completion.VALUES else []


def schema() -> str:
    """Return the JSON Schema of a configuration, as editors with Taplo and its like take it."""
    options = {name: _schema(name) for name in OPTIONS}
    alone = {name: each for name, each in options.items() if OPTIONS[name].metadata["scope"] == "model"}
    model = {"type": "object", "additionalProperties": False, "required": ["model"], "properties": alone}
    several = {"type": "array", "items": model, "description": "Several models, with options of their own."}
    document = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A conversion by torch2caffe2",
        "type": "object",
        "additionalProperties": False,
        "properties": options | {"model": {"anyOf": [options["model"], several]}},
    }
    return json.dumps(document, indent=1) + "\n"


def _schema(name: str) -> dict[str, Any]:
    import msgspec

    found = msgspec.json.schema(
        config.type_of(name), schema_hook=lambda kind: {"type": "string"} if kind is Path else {}
    )
    if "anyOf" in found:  # TOML has no null
        kinds = [each for each in found["anyOf"] if each != {"type": "null"}]
        found = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    return {**found, **_known(name), "description": OPTIONS[name].metadata["help"], **_default(name)}


def _known(name: str) -> Mapping[str, Any]:
    values = completion.VALUES.get(name)
    if values is None or name in _OPEN:
        return {}
    known = list(values())
    is_list = str(OPTIONS[name].type).startswith("tuple")
    return {"items": {"enum": known}} if is_list else {"enum": list(dict.fromkeys([*known, OPTIONS[name].default]))}


def _default(name: str) -> Mapping[str, Any]:
    value = OPTIONS[name].default
    return {} if value is None else {"default": list(value) if isinstance(value, tuple) else value}


if __name__ == "__main__":
    print({"schema": schema, "default": default}[sys.argv[1]](), end="")
