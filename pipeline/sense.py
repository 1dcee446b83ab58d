"""Checks that the values of options make sense, whether they come from the command line, a file or a call."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from pipeline import toml
from pipeline.errors import UsageError
from pipeline.graph import budget
from pipeline.graph.input_spec import parse_inputs

_PASSWORD = re.compile(r"(?<=:)[^/]*(?=@)")  # in a URL
_SHAPE = re.compile(r"\d+(x\d+)+")


def judge(option: str, value: Any) -> None:  # noqa: ANN401 - any option
    """Raise UsageError if the value of an option makes no sense."""
    why = ""
    if option == "name" and (Path(value).name != value or value in ("..", "") or "\0" in value):
        why = "it is the name of a folder inside the output, without separators or NUL"
    elif option == "seed" and value < 0:
        why = "it is 0 or more"
    elif option == "jobs" and value < 1:
        why = "it is 1 or more"
    elif option in ("tolerance", "output_tolerance") and value is not None and not 0 <= value < float("inf"):
        why = "it is a small positive number"
    elif option == "remote_store":
        why, value = _fault_of_url(value), _PASSWORD.sub("***", value)
    if why:
        raise UsageError(f"{option} cannot be {toml.shown(value)}", why=why)
    if option == "inputs":
        parse_inputs(value)
    elif option == "limits":
        budget.parse(value)
    elif option in ("weights", "reference", "plugins"):
        for path in value if isinstance(value, tuple) else filter(None, (value,)):
            refuse_missing(path)


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
