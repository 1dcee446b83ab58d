"""Paths of values in the objects of a file, written as in Lua: `model.modules[3].weight`, `["a key"].net`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from pipeline.errors import UsageError
from pipeline.torch7.objects import LuaValue, Table, TorchObject, describe

_NAME = re.compile(r"[^\W\d]\w*\Z")
_STEP = re.compile(
    r"""\.?(?P<name>[^.\[\]"']+)              # model, .net
      | \[\s*(?P<number>-?\d{1,18})\s*\]      # [3]
      | \[\s*"(?P<double>(?:[^"\\]|\\.)*)"\s*\] | \[\s*'(?P<single>[^']*)'\s*\]""",
    re.VERBOSE,
)
_SHOWN = 16  # steps of a longer path that are shown, half of them at each end


def format_path(steps: Sequence[Any]) -> str:
    """Return keys, outermost first, as the text of a path. The path of the root is "".

    A step None, which leads to an object's table of fields, is not shown.
    """
    keys = [step for step in steps if step is not None]
    if len(keys) > _SHOWN:
        head, tail = keys[: _SHOWN // 2], keys[-_SHOWN // 2 :]
        return f"{_joined(head)} ... {_joined(tail)} ({len(keys)} levels)"
    return _joined(keys)


def _joined(keys: Sequence[Any]) -> str:
    return "".join(map(_step, keys)).removeprefix(".")


def _step(key: Any) -> str:  # noqa: ANN401
    if isinstance(key, str):
        return f".{key}" if _NAME.match(key) else f"[{json.dumps(key, ensure_ascii=False)}]"
    if isinstance(key, bool):
        return f"[{str(key).lower()}]"
    if isinstance(key, (int, float)):
        return f"[{key!r}]"
    return f"[{describe(key)}]"


def parse_path(text: str) -> tuple[str | int, ...]:
    """Return the keys of a path that is written as by `format_path`. Raises UsageError for other text."""
    keys: list[str | int] = []
    position = 0
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            raise UsageError(
                f"cannot read the path {text!r} from its character {position + 1} on",
                advice="write it like model.net, protos.rnn, [1] or modules[2]",
            )
        keys.append(_key(step))
        position = step.end()
    return tuple(keys)


def _key(step: re.Match[str]) -> str | int:
    if step["number"] is not None:
        return int(step["number"])
    if step["double"] is not None:
        try:
            return str(json.loads(f'"{step["double"]}"'))
        except ValueError:
            return step["double"]
    return step["name"] if step["name"] is not None else step["single"]


def entries(value: LuaValue) -> Table | None:
    """Return the table in which a path continues: a table itself, the fields of an object, else None."""
    if isinstance(value, TorchObject):
        return value.fields
    return value if isinstance(value, Table) else None
