"""The values of options that a shell completes. They are looked up only when the shell asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from pipeline.config import choices


def stages() -> Iterable[str]:
    """Return the names of all stages."""
    from pipeline.stages.discovery import discover

    return [stage.name for stage in discover()]


def targets() -> Iterable[str]:
    """Return the formats that `--to` takes."""
    from pipeline.stages.discovery import discover

    return [stage.makes for stage in discover() if not stage.follows]


def runtimes() -> Iterable[str]:
    """Return the names of the independent runtimes."""
    from pipeline.runtimes.discovery import known

    return [program.name.lower() for program in known()]


def passes() -> Iterable[str]:
    """Return the names of the passes."""
    from pipeline.graph.passes.registry import PASSES

    return list(PASSES)


def progress() -> Iterable[str]:
    """Return the ways in which progress is shown."""
    from pipeline.cli.output import KINDS

    return KINDS


def drawings() -> Iterable[str]:
    """Return the forms in which stages are drawn."""
    from pipeline.engine.drawing import FORMS

    return list(FORMS)


VALUES: dict[str, Callable[[], Iterable[str]]] = {  # by the options of a conversion
    "to": targets,
    "without": stages,
    "stop_after": stages,
    "force": stages,
    "runtimes": runtimes,
    "require_runtimes": runtimes,
    "optimize": passes,
    "weights_format": partial(choices, "weights_format"),
}


def completing(values: Callable[[], Iterable[str]] | None) -> Callable[[str], list[str]] | None:
    """Return a function that completes the beginning of a word to one of the values; None without values."""
    if values is None:
        return None

    def complete(incomplete: str) -> list[str]:
        return sorted(value for value in values() if value.startswith(incomplete))

    return complete
