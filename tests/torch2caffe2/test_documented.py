"""What is public says what it does: every name of the library, every command and every option."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import MemberDescriptorType
from typing import Any

import pytest
import typer

import torch2caffe2
from pipeline.cli.app import app

ROOT = Path(__file__).parents[2]


def public() -> Iterator[tuple[str, Any]]:
    """Yield the public names, and the members of public classes that are their own."""
    for name in torch2caffe2.__all__:
        value = getattr(torch2caffe2, name)
        yield name, value
        members = vars(value) if inspect.isclass(value) else {}
        yield from ((f"{name}.{member}", each) for member, each in members.items() if is_told(member, each))


def is_told(name: str, member: object) -> bool:
    is_field = isinstance(member, MemberDescriptorType)  # told of in the text of its class
    return not name.startswith("_") and not is_field and (callable(member) or hasattr(member, "__doc__"))


def commands(group: Any = None, name: str = "torch2caffe2") -> Iterator[tuple[str, Any]]:
    """Yield every command with its name, at any depth."""
    command = typer.main.get_command(app) if group is None else group
    yield name, command
    for below, each in getattr(command, "commands", {}).items():
        yield from commands(each, f"{name} {below}")


@pytest.mark.parametrize(("name", "value"), list(public()))
def test_every_public_name_is_documented_and_typed(name: str, value: Any) -> None:
    if isinstance(value, str | int):  # an exception's exit code and kind
        return
    text = inspect.getdoc(value) or ""
    assert text.split("\n")[0].strip().endswith((".", ":")), name
    function = inspect.unwrap(getattr(value, "__func__", value))
    if inspect.isfunction(function):
        told = function.__annotations__
        assert set(inspect.signature(function).parameters) - {"self", "cls"} <= set(told), name
        assert "return" in told, name


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_command_and_option_has_help(name: str, command: Any) -> None:
    assert command.help, name
    undocumented = [p.name for p in command.params if not getattr(p, "help", "") and p.name != "help"]
    assert undocumented == [], name


def test_importing_it_costs_nothing() -> None:
    code = "import sys, torch2caffe2; print([name for name in sys.modules if name.startswith('pipeline')])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_its_names_need_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "networkx", "rich", "google", "typer", "msgspec")
    code = f"import sys; from torch2caffe2 import *; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_a_name_that_is_not_there_is_an_ordinary_error() -> None:
    with pytest.raises(AttributeError, match="convertt"):
        _ = torch2caffe2.convertt
