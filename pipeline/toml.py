"""Reads configuration files in TOML. All errors are reported at once, in the terms of TOML and with their lines."""

from __future__ import annotations

import json
import math
import os
import re
import tomllib
import typing
from collections.abc import Callable, Mapping
from datetime import date, time
from pathlib import Path
from types import UnionType
from typing import Any

from pipeline.errors import UsageError, together
from pipeline.wire.foreign import foreign
from pipeline.wire.mapped import map_file

# Options by name: the value of each, and where it was set.
Sourced = dict[str, tuple[Any, str]]

_KINDS = ((bool, "boolean"), (int, "integer"), (float, "float"), (str, "string"), (list, "array"), (dict, "table"))
_HEADER = re.compile(r"""\s*\[{1,2}\s*["']?([\w-]+)["']?\s*[\].]""")
# Strings and comments: they may hold dots, but are no keys. (Keys with many dots make the parser use quadratic memory.)
# A string that is not closed ends with its line, so that no text is scanned twice.
_NO_KEY = re.compile(
    r"""\"{3}(?:[^"\\]|\\.|"(?!""))*+(?:"{3}|\Z)|'{3}(?:[^']|'(?!''))*+(?:'{3}|\Z)"""
    r"""|"(?:[^"\\\n]|\\.)*+"?|'[^'\n]*+'?|\#[^\n]*+""",
    re.DOTALL,
)
_LONG_KEY = re.compile(r"""(?<![\w"-])(?:[\w"-]++[ \t]*+\.[ \t]*+){16}""")
_LARGEST = 1 << 20  # bytes of a file
_BITS = 63  # of an integer, besides its sign
_FAULTS = 100  # errors that are reported for one file
_KEY = re.compile(r"""\s*["']?([\w-]+)["']?\s*=""")


def read(
    path: Path, kind_of: Callable[[str, int], Any], check_value: Callable[[str, Any], None]
) -> tuple[Sourced, list[Sourced]]:
    """Return the options at the top of a file, and those of each `[[model]]`. Relative paths are relative to the file.

    `kind_of` returns the type of an option in a section (0 is the top, 1.. the models), and `check_value` checks its
    value; both raise UsageError. Raises UsageError if the file is not TOML, or else with everything that is wrong in
    it.
    """
    text, document = _document(path)
    lines, faults = _lines(text), list[UsageError]()
    tables = document.pop("model") if isinstance(document.get("model"), list) else []

    def sourced(table: Any, section: int) -> Sourced:  # noqa: ANN401 - any TOML value
        found: Sourced = {}
        if not isinstance(table, dict):
            why = "it is a table of options, below [[model]]"
            faults.append(UsageError(f"a model cannot be {shown(table)}", where=str(path), why=why))
            return found
        if section and "model" not in table and len(faults) < _FAULTS:
            faults.append(UsageError('this [[model]] has no model = "FILE"', where=_place(path, lines, section, "")))
        for key, value in table.items():
            if len(faults) == _FAULTS:
                break
            option = key.replace("-", "_")
            where = _place(path, lines, section, key)
            try:
                checked = converted(option, value, kind_of(option, section), path.parent)
                check_value(option, checked)
                found[option] = checked, where
            except UsageError as fault:
                fault.where = fault.where or where
                faults.append(fault)
        return found

    options = sourced(document, 0), [sourced(table, number) for number, table in enumerate(tables, 1)]
    if faults:
        many = ", and is read no further" if len(faults) == _FAULTS else ""
        raise together(faults, f"{path} has {len(faults)} invalid options{many}")
    return options


def _document(path: Path) -> tuple[str, dict[str, Any]]:
    view = map_file(path)
    if len(view) > _LARGEST:
        raise UsageError(f"{path} is no configuration", why=f"it has more than {_LARGEST:,} bytes: {len(view):,}")
    try:
        text = str(view, "utf-8-sig")
        if _LONG_KEY.search(_NO_KEY.sub('""', text)):
            raise UsageError(f"{path} is no configuration", why="it has a key of more than 16 parts")
        return text, tomllib.loads(text)
    except UnicodeDecodeError as error:
        what = foreign(view)
        is_what = f"{path} is {what.name}, and no TOML" if what else f"{path} is not TOML"
        raise UsageError(is_what, why="TOML is text in UTF-8", advice=what.advice if what else "") from error
    except ValueError as error:  # one of the parser, or of a number that Python finds too long
        raise UsageError(f"{path} is not TOML", why=str(error)) from error
    except RecursionError as error:
        raise UsageError(
            f"{path} is no configuration", why="its arrays or tables lie too deep inside each other"
        ) from error


def _place(path: Path, lines: Mapping[tuple[int, str], int], section: int, key: str) -> str:
    """Return where a key is set, for a message; the file itself if the line is not known."""
    return f"{path}:{lines[section, key]}" if (section, key) in lines else str(path)


def _lines(text: str) -> dict[tuple[int, str], int]:
    """Return the number of the line that sets each key or begins its table, by section and key.

    The key "" stands for the header of a `[[model]]`.
    """
    found: dict[tuple[int, str], int] = {}
    section = 0
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*\[\[\s*model\s*\]\]", line):
            section += 1
            found[section, ""] = number
        elif match := _HEADER.match(line):
            found.setdefault((0, match[1]), number)
        elif match := _KEY.match(line):
            found.setdefault((section, match[1]), number)
    return found


def converted(option: str, value: Any, kind: Any, folder: Path) -> Any:  # noqa: ANN401 - any TOML value
    """Return a value as the type of its option; relative paths are relative to `folder`. Raises UsageError."""
    import msgspec

    try:
        found = _with_paths(msgspec.convert(value, kind, dec_hook=as_path), folder)
    except (msgspec.ValidationError, UnicodeError):  # the latter for surrogates
        is_section = option == "model" and isinstance(value, dict)
        why = f"{described(kind)} is expected"
        raise UsageError(
            f"{option} cannot be {shown(value)}",
            why=why if typing.get_origin(kind) is typing.Literal else f"{why}, not {_kind(value)}",
            advice="a model's own options stand below [[model]], in two brackets" if is_section else "",
        ) from None
    if isinstance(found, int) and found.bit_length() > _BITS:
        raise UsageError(f"{option} cannot be {shown(value)}", why=f"an integer has at most {_BITS} bits and a sign")
    return found


def as_path(wanted: type, value: object) -> object:
    """Return a text as a path. msgspec calls this for types that it does not know."""
    if wanted is not Path or not isinstance(value, str | os.PathLike) or b"\0" in os.fsencode(value):
        raise ValueError("it is no path")
    return Path(value)


def _with_paths(value: Any, folder: Path) -> Any:  # noqa: ANN401 - any option
    if isinstance(value, tuple):
        return tuple(_with_paths(item, folder) for item in value)
    return folder / value if isinstance(value, Path) else value


def shown(value: Any, levels: int = 4) -> str:  # noqa: ANN401 - any value
    """Return a value in the notation of TOML, with "..." for lists and tables that are nested deeper than `levels`.

    >>> shown(True), shown("x"), shown([1.0, "a"]), shown({"seed": float("inf")})
    ('true', '"x"', '[1.0, "a"]', '{seed = inf}')
    """
    if isinstance(value, Mapping | list | tuple) and levels == 0:
        return "..."
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {shown(item, levels - 1)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(shown(item, levels - 1) for item in value) + "]"
    if isinstance(value, int) and value.bit_length() > _BITS:
        return f"{value:#x}"  # Python does not write very many decimal digits
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | int | float | str) else f'"{value}"'


def described(kind: Any) -> str:  # noqa: ANN401 - any type
    """Return the name that TOML has for the type of an option.

    >>> described(tuple[Path, ...]), described(int), described(Path | None)
    ('an array of strings', 'an integer', 'a string')
    """
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(map(shown, typing.get_args(kind)))
    inner = [each for each in typing.get_args(kind) if each not in (type(None), Ellipsis)]
    if isinstance(kind, UnionType):
        return " or ".join(map(described, inner))
    if typing.get_origin(kind) is tuple:
        return f"an array of {described(inner[0]).rpartition(' ')[2]}s"
    return _with_article(next((name for known, name in _KINDS if kind is known), "string"))


def _kind(value: Any) -> str:  # noqa: ANN401 - any TOML value
    """Return the name of a value's type, and for an array the types of its items."""
    if isinstance(value, list) and value:
        return f"an array of {' and '.join(f'{each}s' for each in dict.fromkeys(map(_type, value)))}"
    return _with_article(_type(value))


def _type(value: Any) -> str:  # noqa: ANN401 - any TOML value
    other = "date or time" if isinstance(value, date | time) else type(value).__name__  # the latter in calls
    return next((name for known, name in _KINDS if isinstance(value, known)), other)


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
