"""Cache keys: everything that decides what a stage makes, component by component, and its digest.

The components are kept in the manifest, so that two of them can be compared and the difference told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.config import Options
from pipeline.engine.closure import code_digests
from pipeline.stages.stage import Stage
from pipeline.store.digests import Digests, digest_of

Components = dict[str, Any]
ABSENT = "absent"


def components(stage: Stage, options: Options, inputs: Mapping[str, str], digests: Digests) -> Components:
    """Name everything that decides the result of `stage`.

    `inputs` maps each kind it reads to its content digest. An option that is a file counts by its content.
    """
    chosen = {name: getattr(options, name) for name in stage.options}
    values = {name: _by_content(value, digests) for name, value in chosen.items()}
    return program(stage, options) | {"options": values, "inputs": dict(inputs)}


def program(stage: Stage, options: Options) -> Components:
    """Name what decides the result of `stage` on this machine: its code, its libraries, what it finds around it."""
    chosen = {name: getattr(options, name) for name in stage.options}
    return {
        "stage": stage.name,
        "version": stage.version,
        "code": _code(stage),
        "libraries": {name: library(name) for name in stage.libraries},
        "environment": dict(stage.environment(chosen)) if stage.environment else {},
    }


def key_of(parts: Components) -> str:
    """Return the cache key: the digest of the components."""
    return digest_of("stage", parts)


def _code(stage: Stage) -> dict[str, str]:
    """Digest the code of a stage; one that came from elsewhere than a module (a test's) is its name."""
    return {path: digest[:32] for path, digest in code_digests(stage.module).items()} if stage.module else {}


@cache
def library(name: str) -> str:
    """Return the version of an installed distribution; ABSENT where there is none."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        found = distribution(name)
    except PackageNotFoundError:
        return ABSENT
    # `version` would parse the whole text as an e-mail, by a package that takes long to import.
    line = re.search(r"^Version: *(.+?) *$", found.read_text("METADATA") or "", re.MULTILINE | re.IGNORECASE)
    return line[1] if line else found.version


def _by_content(value: Any, digests: Digests) -> Any:  # noqa: ANN401 - any option
    if isinstance(value, tuple):
        return [_by_content(item, digests) for item in value]
    return {"blake3": digests.of(value)} if isinstance(value, Path) else value


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a stage runs, or does not: one component, what it was and is, and where in it the difference lies."""

    kind: str
    name: str = ""
    before: Any = None
    after: Any = None
    where: str = ""

    def __str__(self) -> str:
        text = _SENTENCES[self.kind].format(name=self.name, before=_brief(self.before), after=_brief(self.after))
        return f"{text}: {self.where}" if self.where else text


_SENTENCES = {
    "same": "code, libraries, options and inputs are those it was made with, {after}",
    "first": "it has not run for this model yet",
    "forced": "--force asks for it",
    "damaged": "its artifact was damaged: {name}",
    "missing": "its artifact is no longer in the store",
    "remote": "{name} has it",
    "unreachable": "{name} is of no use",
    "follows": "the {name} it reads is made anew; it stays cached if that comes out the same",
    "option": "option {name} changed from {before} to {after}",
    "code": "code changed: {name}",
    "libraries": "library {name} changed from {before} to {after}",
    "environment": "{name} changed from {before} to {after}",
    "inputs": "its input {name} changed",
    "input_new": "it has an input more: {name}",
    "input_gone": "it has an input less: {name}",
    "version": "the stage's version changed from {before} to {after}",
}


def _brief(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value is None or value in ("", []):
        return "nothing"
    if isinstance(value, Mapping) and "blake3" in value:
        return f"a file with the digest {str(value['blake3'])[:8]}"
    return ", ".join(map(_brief, value)) if isinstance(value, list) else str(value)


def with_files(parts: Components, files: Mapping[str, Mapping[str, str]]) -> Components:
    """Add to components, for `differences` to tell where, the digests of the files of each kind that is read."""
    return {**parts, "files": {kind: dict(names) for kind, names in files.items()}}


def differences(before: Components, after: Components) -> tuple[Reason, ...]:
    """Explain why two keys of one stage differ, component by component."""
    found: list[Reason] = []
    if before.get("version") != after.get("version"):
        found.append(Reason("version", "", before.get("version"), after.get("version")))
    for group, kind in (
        ("options", "option"),
        ("inputs", "inputs"),
        ("libraries", "libraries"),
        ("environment", "environment"),
        ("code", "code"),
    ):
        old, new = before.get(group, {}), after.get(group, {})
        found.extend(
            _reason(kind, name, old.get(name), new.get(name), _where(kind, name, before, after))
            for name in _ordered(old, new)
            if old.get(name) != new.get(name)
        )
    return tuple(found)


def _reason(kind: str, name: str, before: Any, after: Any, where: str) -> Reason:  # noqa: ANN401 - any JSON value
    if kind == "inputs" and (before is None or after is None):
        kind = "input_new" if before is None else "input_gone"
    return Reason(kind, name, before, after, where)


def _where(kind: str, name: str, before: Components, after: Components) -> str:
    """Name the files of an input that differ, as far as they are known."""
    old, new = (parts.get("files", {}).get(name, {}) for parts in (before, after))
    known = kind == "inputs" and old and new
    return ", ".join(file for file in _ordered(old, new) if old.get(file) != new.get(file)) if known else ""


def explain(before: Components | None, after: Components) -> tuple[Reason, ...]:
    """Explain why a key has no artifact, by the last key of the same stage and source."""
    if before is None:
        return (Reason("first"),)
    return differences(before, after) or (Reason("missing"),)


def _ordered(*tables: Iterable[str]) -> list[str]:
    return sorted({name for table in tables for name in table})
