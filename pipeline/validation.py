"""Checks that the values of options make sense, whether they come from the command line, a file or a call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pipeline import toml
from pipeline.errors import UsageError
from pipeline.graph import budget
from pipeline.graph.input_spec import parse_inputs

_PASSWORD = re.compile(r"(?<=:)[^/]*(?=@)")  # in a URL
_SHAPE = re.compile(r"\d+(x\d+)+")


def check_value(option: str, value: Any) -> None:  # noqa: ANN401 - any option
    """Raise UsageError if the value of an option makes no sense, or names a file that is not there."""
    check_sense(option, value)
    if option in _FILES:
        for path in value if isinstance(value, tuple) else filter(None, (value,)):
            refuse_missing(path)


def check_sense(option: str, value: Any) -> None:  # noqa: ANN401 - any option
    """Raise UsageError if the value of an option makes no sense, wherever it is used."""
    if option in _FAULTS and (why := _FAULTS[option](value)):
        shown = _PASSWORD.sub("***", value) if option == "remote_store" else value
        raise UsageError(f"{option} cannot be {toml.shown(shown)}", why=why)
    if option in _PARSED:
        _PARSED[option](value)


def _fault_of_name(value: str) -> str:
    plain = Path(value).name == value and value not in ("..", "") and "\0" not in value
    return "" if plain else "it is the name of a folder inside the output, without separators or NUL"


def _fault_of_tolerance(value: float | None) -> str:
    return "" if value is None or 0 <= value < float("inf") else "it is a small positive number"


def _fault_of_url(value: str) -> str:
    try:
        told = urlsplit(value)
    except ValueError as error:
        return str(error)
    if value and not _leads_somewhere(value, told):
        return "it is a URL, such as s3://bucket/folder or file:///mnt/shared"
    return "runs record the URL: put the password into fsspec's own configuration" if told.password else ""


def _leads_somewhere(value: str, told: SplitResult) -> bool:
    """Return whether a URL has a scheme and a place, and means the same place for every process."""
    relative = told.scheme in ("file", "local") and told.netloc
    return bool("://" in value and value.isprintable() and told.scheme and (told.netloc or told.path)) and not relative


def refuse_missing(path: Path) -> None:
    """Raise UsageError if a path is not a file."""
    if path.is_file():
        return
    if path.is_dir():
        raise UsageError(f"{path} is not a file", why="it is a folder")
    if path.exists():
        why = "it is a pipe or a device, which can be read only once"
        raise UsageError(f"{path} is not a file", why=why, advice="save it to a file first")
    advice = f"a shape is given by --input {path.name}" if _SHAPE.fullmatch(path.name) else ""
    raise UsageError(f"there is no file {path}", advice=advice)


# Why the value of an option makes no sense; "" if it does.
_FAULTS: Mapping[str, Callable[[Any], str]] = {
    "name": _fault_of_name,
    "seed": lambda value: "" if value >= 0 else "it is 0 or more",
    "jobs": lambda value: "" if value >= 1 else "it is 1 or more",
    "tolerance": _fault_of_tolerance,
    "output_tolerance": _fault_of_tolerance,
    "remote_store": _fault_of_url,
}
_PARSED: Mapping[str, Callable[[Any], object]] = {"inputs": parse_inputs, "limits": budget.parse}  # raise UsageError
_FILES = ("weights", "reference", "plugins")
