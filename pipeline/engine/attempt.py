"""Work on one of several models, whose failure does not stop the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pipeline.errors import PipelineError
from pipeline.store.machine import on_machine

_T = TypeVar("_T")


def attempted(act: Callable[[], _T], doing: str, place: Path) -> _T | PipelineError:
    """Return what `act` returns, or the error that it raises, even a bug. `doing` and `place` as for `on_machine`."""
    try:
        with on_machine(doing, place):
            return act()
    except PipelineError as error:
        return error
    except Exception as bug:
        return bug_met(bug)


def bug_met(bug: Exception) -> PipelineError:
    """Return the error to report for an unexpected exception."""
    return PipelineError(f"this is a bug in torch2caffe2: {type(bug).__name__}: {bug}")
