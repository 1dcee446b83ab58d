from __future__ import annotations

import pytest
import typer

from pipeline.cli import app
from pipeline.cli.completion import VALUES, completing, passes, runtimes, stages
from pipeline.config import OPTIONS


@pytest.mark.parametrize(
    ("words", "beginning", "completed"),
    [
        ("convert --to", "caf", ["caffe", "caffe2"]),
        ("resume --without", "v", ["verify"]),
        ("verify --require-runtime", "caffe2", ["caffe2"]),
        ("plan --optimize", "fold", ["fold_batchnorm"]),
        ("convert --progress", "", ["auto", "json", "none", "plain", "rich"]),
        ("scan --weights-format", "h", ["hdf5"]),
    ],
)
def test_a_shell_completes_the_values_of_an_option(words: str, beginning: str, completed: list[str]) -> None:
    name, option = words.split()
    command = typer.main.get_command(app.app).commands[name]  # type: ignore[attr-defined]
    parameter = next(each for each in command.params if option in each.opts)
    context = typer.Context(command)
    assert [item.value for item in parameter.shell_complete(context, beginning)] == completed


def test_every_option_with_known_values_is_one_of_a_conversion() -> None:
    assert set(VALUES) <= set(OPTIONS)
    assert all(completing(values)("") for values in VALUES.values())  # type: ignore[misc]


def test_what_is_completed_is_what_the_registries_know() -> None:
    assert {"import", "emit", "translate", "verify"} <= set(stages())
    assert {"caffe", "caffe2", "opencv"} <= set(runtimes())
    assert "fold_batchnorm" in passes()
