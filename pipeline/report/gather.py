"""Collects the data of a report from the output folder of a run and from its record."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pipeline import formats
from pipeline.config import DEFAULT, OPTIONS
from pipeline.errors import InvalidInputError, PipelineError
from pipeline.report.data import File, Option, Parity, Report, Reproduction, RunSummary, StageRun
from pipeline.report.network import network
from pipeline.verification.evidence import FILE as VERIFICATION
from pipeline.verification.evidence import words
from pipeline.wire import plain

Json = Mapping[str, Any]
T = TypeVar("T")
_PACKAGE = "torch2caffe2"
# Options that only name places or control output: they do not affect the converted files.
_NO_PACKAGES = ("python", "torch2caffe2")  # no package index has them
_PLACES = frozenset({"model", "output", "store", "name", "report", "jobs", "force"})


def gather(
    folder: Path,
    run: Json,
    reads: Mapping[str, Sequence[str]],
    manifests: Mapping[str, Json] | None = None,
    reference: Path | None = None,
) -> Report:
    """Collect everything about the run in `folder`, without changing anything there.

    `run` is the run record as JSON; `reads` are the kinds of artifacts that each stage reads; `manifests` are those of
    the artifacts that are still in the store, by key; `reference` is the reference of the run, if it is trusted. Raises
    InvalidInputError if the record is damaged. If a network or a verification cannot be read, the report says so.
    """
    manifests = manifests or {}
    with _sound(folder / "run.json"):
        what = _run(run, reads, manifests)
        files = tuple(
            File(name, entry["kind"], entry["size"], entry["blake3"], name in run.get("edited", ()))
            for name, entry in run["delivered"].items()
        )
        reproduction = _reproduction(run, what.versions)
        inputs, seed = tuple(run["options"]["inputs"]), int(run["options"].get("seed", 0))
    found, no_network = _if_sound(lambda: network(folder, inputs, reference, seed))
    verified = any(stage.makes == "verification" and stage.digest for stage in what.stages)
    parity, no_parity = _if_sound(lambda: _parity(folder / VERIFICATION)) if verified else (None, "")
    return Report(str(folder), what, files, reproduction, found, no_network, parity, no_parity)


def _if_sound(read: Callable[[], T]) -> tuple[T | None, str]:
    """Return the result of `read`, or else the reason why it fails, which is shown on the page."""
    try:
        return read(), ""
    except PipelineError as error:
        return None, "; ".join(part for part in (error.what, error.where, error.why) if part)


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    """Raise InvalidInputError if a file of a run lacks something that runs write."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidInputError(f"{path} is damaged, or of another version", why=repr(error)) from error


def _run(run: Json, reads: Mapping[str, Sequence[str]], manifests: Mapping[str, Json]) -> RunSummary:
    stages = tuple(
        StageRun(
            stage["name"],
            stage["makes"],
            tuple(reads.get(stage["name"], ())),
            stage["state"],
            tuple(stage["reasons"]),
            _seconds(run["started"], stage["started"]),
            float(stage["seconds"]),
            int(stage["size"]),
            stage["key"],
            stage["digest"],
        )
        for stage in run["stages"]
    )
    kind = run["source"].get("kind", "")
    versions, runtimes = _versions(run, [manifests[stage.key] for stage in stages if stage.key in manifests])
    return RunSummary(
        model=run["options"]["name"],
        state=run["state"],
        worker=run["worker"],
        error=run["error"],
        source_kind=kind,
        source_title=known.title if (known := formats.named(kind)) else "Source",
        sources=dict(run["source"].get("files", {})),
        started=run["started"],
        finished=run["finished"],
        seconds=_seconds(run["started"], run["finished"]) or 0.0,
        stages=stages,
        edited=tuple(run.get("edited", ())),
        versions=versions,
        runtimes=runtimes,
    )


def _versions(run: Json, manifests: Sequence[Json]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the versions of the libraries that made the artifacts, and of the runtimes in the verification."""
    versions, runtimes = {_PACKAGE: run["version"]}, dict[str, str]()
    for manifest in manifests:
        versions |= {name: version for name, version in manifest["versions"].items() if name != _PACKAGE}
        versions |= manifest["components"].get("libraries", {})
        runtimes |= {name: str(what) for name, what in manifest["components"].get("environment", {}).items()}
    return versions, runtimes


def _seconds(start: str, end: str) -> float | None:
    """Return the seconds between two times in ISO 8601; None if one is missing."""
    try:
        return max(0.0, (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())
    except (ValueError, TypeError):
        return None


def _parity(path: Path) -> Parity | None:
    try:
        text = plain.read(path)
    except OSError:
        return None
    with _sound(path):
        found = json.loads(text)
        checks = tuple(
            {
                "by": check["by"],
                "reads": check["reads"],
                "series": check.get("series", check["by"]),
                "independent": bool(check["independent"]),
                "binding": bool(check["binding"]),
                "status": check["status"],
                "values": int(check["values"]),
                "relative": float(check["relative"]),
                "to_largest": float(check.get("to_largest", 0.0)),
                "worst_at": check["worst_at"],
                "diverges_at": check["diverges_at"],
                "diverges_in": check["diverges_in"],
                "why": check["why"],
            }
            for check in found["checks"]
        )
        parity = {
            "passed": bool(found["passed"]),
            "tolerance": float(found["tolerance"]),
            "inputs": found["inputs"],
            "evidence": tuple(_evidence(step) for step in found.get("evidence", ())),
            "unheard": tuple(found.get("unheard", ())),
            "checks": checks,
            "values": {v["name"]: {by: float(error) for by, error in v["relative"].items()} for v in found["values"]},
            "origins": {v["name"]: v["origin"] for v in found["values"]},
        }
        return msgspec.convert(parity, Parity)  # which raises a ValueError where a type is wrong


def _evidence(step: Json) -> Json:
    by = tuple(witness["by"] for witness in step["by"])
    return {"step": step["step"], "state": step["state"], "by": by, "words": words(step)}


def _reproduction(run: Json, versions: Mapping[str, str]) -> Reproduction:
    asked, origins = run["options"], run["options"].get("origins", {})
    typed = shlex.join(["torch2caffe2", *map(str, run["command"][1:])]) if run["command"] else ""
    changed = [
        name
        for name in OPTIONS
        if name in asked and name not in _PLACES and asked[name] != _plain(OPTIONS[name].default)
    ]
    words = ["torch2caffe2", "convert", asked["model"]]
    for name in changed:
        words += _typed(name, asked[name])
    options = tuple(Option(name, _text(asked[name]), origins.get(name, DEFAULT)) for name in changed)
    released = {name: version.partition("+")[0] for name, version in versions.items() if name not in _NO_PACKAGES}
    exact = tuple(f"{name}=={version}" for name, version in released.items() if version[:1].isdigit())
    return Reproduction(typed, shlex.join([*words, "--output", asked["output"]]), exact, options)


def _typed(name: str, value: Any) -> list[str]:  # noqa: ANN401 - any option
    """Return the arguments that set an option on the command line; empty if only a configuration file can set it."""
    flag = OPTIONS[name].metadata["flag"].split(",")[0]
    if not flag:
        return []
    if isinstance(value, bool):
        return [flag.split("/")[0 if value else 1]]
    return [word for item in (value if isinstance(value, list) else [value]) for word in (flag, str(item))]


def _plain(value: Any) -> Any:  # noqa: ANN401 - any option
    return list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:  # noqa: ANN401 - any option
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
