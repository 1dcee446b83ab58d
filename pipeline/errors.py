"""The errors that a user may see: their data, and their exit codes.

Errors are raised with data only. `render` is the one place that formats them as text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from textwrap import fill
from typing import Any, ClassVar

from pipeline.visible import visible


@dataclass(frozen=True, slots=True)
class Problem:
    """One of several problems. `origin` is its place: for a part of a network, its path and class."""

    origin: str
    reason: str
    advice: str = ""


class PipelineError(Exception):
    """Base of every error that is not a bug of this program.

    `what` is the first line that the user reads; `where` is the place in the user's terms (module path, layer, file and
    byte offset); `why` is the cause; `advice` is what to do next. `problems` lists them if there are several.
    """

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "bug"  # in JSON
    problems: tuple[Problem, ...] = ()

    def __init__(self, what: str, *, where: str = "", why: str = "", advice: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.advice = advice

    def __str__(self) -> str:
        return self.what


class UsageError(PipelineError):
    """The command line, the configuration or a call from Python is invalid."""

    exit_code = 2
    kind = "usage"


# The commands that install optional libraries, by the name of the library.
_INSTALLS = {
    "torch": "uv pip install --torch-backend cpu torch (pip install torch may bring CUDA as well, 5.6 GB)",
    "h5py": "pip install 'torch2caffe2[hdf5]'",
    "fsspec": "pip install 'torch2caffe2[remote]'",
    "netron": "pip install 'torch2caffe2[view]'",
}


def installing(library: str) -> str:
    """Return the command that installs a library."""
    return _INSTALLS.get(library, f"pip install {library}")


class MissingLibrary(UsageError):  # noqa: N818 - nothing is wrong with it
    """The request needs a library that is not installed."""

    def __init__(self, library: str, need: str, advice: str = "") -> None:
        super().__init__(f"{need} needs {library}, which is not installed", advice=installing(library) + advice)


class VerificationError(PipelineError):
    """The converted networks compute different numbers, or a required runtime could not check them."""

    exit_code = 3
    kind = "numbers differ"


class UnsupportedError(PipelineError):
    """A valid network has parts without an exact counterpart in the target format; `problems` lists all of them."""

    exit_code = 4
    kind = "unsupported"

    def __init__(self, problems: tuple[Problem, ...], *, what: str = "", advice: str = "") -> None:
        count = "1 part" if len(problems) == 1 else f"{len(problems)} parts"
        super().__init__(what or f"{count} of the network cannot be converted", advice=advice)
        self.problems = problems

    @classmethod
    def one(cls, origin: str, reason: str, advice: str = "") -> UnsupportedError:
        """Return the error for a single place."""
        return cls((Problem(origin, reason, advice),))


class OverBudget(PipelineError):  # noqa: N818 - sound input, of which there is too much
    """The network exceeds a limit. The limit `enough` would allow it, as far as is known."""

    exit_code = 4

    def __init__(self, name: str, counts: str, number: int, allowed: int, enough: int, place: str) -> None:
        super().__init__(
            f"the network is too large: {number:,} {counts}",
            where=place,
            why=f"{allowed:,} are allowed",
            advice=f"if it is meant to be so large: --limit {name}={enough}",
        )


class InvalidInputError(PipelineError):
    """A file is damaged, truncated, or of another format."""

    exit_code = 5
    kind = "bad input"


class MachineError(PipelineError):
    """A problem of the machine: disk full, no permission, store busy."""

    exit_code = 6
    kind = "machine"


class Interrupted(PipelineError):  # noqa: N818 - what happened to the run, not a fault
    """The user stopped the run."""

    exit_code = 130
    kind = "interrupted"


def nearest(name: str, known: Sequence[str]) -> str:
    """Return advice about an unknown name: the most similar known one, or all of them."""
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]}?" if close else fill("one of: " + ", ".join(known), 100, break_on_hyphens=False)


def worst(codes: Collection[int]) -> int:
    """Return the exit code for several results: interrupted, or else a bug, or else the highest code; 0 for none."""
    outranking = (code for code in (Interrupted.exit_code, PipelineError.exit_code) if code in codes)
    return next(outranking, max(codes, default=0))


def together(errors: Sequence[UsageError], what: str) -> UsageError:
    """Return one error, `what`, that lists several errors as problems; a single error is returned as it is.

    Advice that several of them share is given once, for the whole.
    """
    if len(errors) == 1:
        return errors[0]
    shared = [advice for advice, count in Counter(error.advice for error in errors).items() if advice and count > 1]
    whole = UsageError(what, advice="\n".join(shared))
    whole.problems = tuple(
        Problem(
            error.where,
            ": ".join(filter(None, (error.what, error.why))),
            "" if error.advice in shared else error.advice,
        )
        for error in errors
    )
    return whole


def renamed(error: PipelineError, names: Mapping[str, str]) -> PipelineError:
    """Replace names in all texts of an error by those that the user knows, and return the error."""

    def told(text: str) -> str:
        for name, known in names.items():
            text = text.replace(name, known)
        return text

    error.what, error.where = told(error.what), told(error.where)
    error.why, error.advice = told(error.why), told(error.advice)
    error.problems = tuple(Problem(*map(told, (p.origin, p.reason, p.advice))) for p in error.problems)
    return error


def as_data(error: PipelineError) -> dict[str, Any]:
    """Return an error as JSON values, with "" for what is not given."""
    return {
        "kind": error.kind,
        "what": error.what,
        "where": error.where,
        "why": error.why,
        "try": error.advice,
        "problems": [{"where": each.origin, "why": each.reason, "try": each.advice} for each in error.problems],
    }


def render(error: PipelineError) -> str:
    """Return an error as text for a terminal: `error: ` and what, then where, why and what to do, indented.

    Only the first line starts at the margin, even if a name from a file contains line breaks.
    """
    first, *rest = f"error: {error.what}".splitlines()
    lines = [first, *(f"  {line}" for line in rest)]
    for problem in error.problems:
        lines.append("  " + f"{problem.origin}: {problem.reason}".replace("\n", "\n    "))
        if problem.advice:
            lines.append("    " + problem.advice.replace("\n", "\n    "))
    details = (("where", error.where), ("why", error.why), ("try", error.advice))
    for label, text in details:
        if text:
            lines.append(f"  {label}: " + text.replace("\n", "\n    "))
    return visible("\n".join(lines), keep="\n")
