"""Holds what commands print for programs, in whichever test, to the types that the published schema is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

import msgspec

from pipeline.cli import app, output


def held(kind: Any, data: Any) -> Any:
    """Return JSON data, which hold all that a type says, and nothing else."""
    found = json.loads(json.dumps(data, allow_nan=False))
    assert json.loads(msgspec.json.encode(msgspec.convert(found, kind))) == found
    return data


def kind_of(words: Sequence[str]) -> Any:
    """Return the type of what a command line prints with --json."""
    from pipeline.cli.answers import ANSWERS

    name = " ".join(words[:2]) if words[0] in ("cache", "runtimes") else words[0]
    return ANSWERS[next((long for option in words if (long := f"{name} {option}") in ANSWERS), name)]


def hold() -> None:
    """Check from now on whatever `run` lets a command print for programs, errors included: it raises for the rest."""
    running: list[Sequence[str]] = []
    wrong: list[Exception] = []
    run, print_json, as_data = app.run, output.print_json, app.as_data

    def check(kind: Callable[[], Any], data: Any) -> None:
        try:
            held(kind(), data)
        except Exception as error:  # which `run` would make a bug's exit code of
            wrong.append(error)

    @wraps(run)
    def told(arguments: Sequence[str]) -> int:
        running.append([str(word) for word in arguments])
        code = run(arguments)
        running.pop()
        if wrong:
            raise AssertionError(f"{arguments} prints what is not published") from wrong.pop()
        return code

    def printed(value: Any) -> None:
        if running:
            check(partial(kind_of, running[-1]), value)
        print_json(value)

    def failed(*given: Any) -> Any:
        data = as_data(*given)
        check(_error, data)
        return data

    hooks: dict[Any, dict[str, Callable[..., Any]]] = {
        app: {"run": told, "as_data": failed},
        output: {"print_json": printed},
    }
    for module, names in hooks.items():
        for name, function in names.items():
            setattr(module, name, function)


def _error() -> Any:
    from pipeline.cli.answers import Error

    return Error
