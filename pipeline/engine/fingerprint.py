"""Cache keys: everything that determines the result of a stage, component by component, and its digest.

The components are kept in the manifest of the artifact, so that a change of the key can be explained.
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
    """Return everything that determines the result of `stage`.

    `inputs` maps each kind that it reads to its content digest. An option that is a file counts by its content.
    """
    chosen = {name: getattr(options, name) for name in stage.options}
    values = {name: _by_content(value, digests) for name, value in chosen.items()}
    return program(stage, options) | {"options": values, "inputs": dict(inputs)}


def program(stage: Stage, options: Options) -> Components:
    """Return what the machine contributes to the result of `stage`: its code, its libraries, its environment."""
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
    """Return the digests of the code of a stage; empty if it was not defined in a module of its own (in a test)."""
    return {path: digest[:32] for path, digest in code_digests(stage.module).items()} if stage.module else {}


@cache
def library(name: str) -> str:
    """Return the version of an installed distribution; ABSENT if it is not installed."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        found = distribution(name)
    except PackageNotFoundError:
        return ABSENT
    # `version` would parse the whole text as an e-mail, with a package that is slow to import.
    line = re.search(r"^Version: *(.+?) *$", found.read_text("METADATA") or "", re.MULTILINE | re.IGNORECASE)
    return line[1] if line else found.version


def _by_content(value: Any, digests: Digests) -> Any:  # noqa: ANN401 - any option
    if isinstance(value, tuple):
        return [_by_content(item, digests) for item in value]
    return {"blake3": digests.of(value)} if isinstance(value, Path) else value


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a stage runs or does not: a component, its value before and after, and where in it the difference is."""

    kind: str
    name: str = ""
    before: Any = None
    after: Any = None
    where: str = ""

    def __str__(self) -> str:
        text = _SENTENCES[self.kind].format(name=self.name, before=_brief(self.before), after=_brief(self.after))
        return f"{text}: {self.where}" if self.where else text


_SENTENCES = {
    "same": "code, libraries, options and inputs are the same as when it was made, {after}",
    "first": "this is its first run for this model",
    "forced": "--force asks for it",
    "damaged": "its artifact was damaged: {name}",
    "missing": "its artifact is no longer in the store",
    "remote": "{name} has it",
    "unreachable": "{name} cannot be used",
    "follows": "the {name} it reads is made again; if the result is the same, this stage stays cached",
    "option": "option {name} changed from {before} to {after}",
    "code": "code changed: {name}",
    "libraries": "library {name} changed from {before} to {after}",
    "environment": "{name} changed from {before} to {after}",
    "environment_new": "{name} is new",
    "environment_gone": "{name} is no longer used",
    "inputs": "its input {name} changed",
    "inputs_new": "it has a new input: {name}",
    "inputs_gone": "it no longer has the input {name}",
    "adopted": "it starts from the edited files",
    "version": "the stage's version changed from {before} to {after}",
}


def _brief(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value is None or value in ("", []):
        return "nothing"
    if isinstance(value, Mapping) and "blake3" in value:
        return f"a file with the digest {str(value['blake3'])[:8]}"
    return ", ".join(map(_brief, value)) if isinstance(value, list) else str(value)


def with_files(parts: Components, files: Mapping[str, Mapping[str, str]]) -> Components:
    """Return components with the digests of the files of each input added, so that `differences` can name files."""
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
    if any(reason.kind == "inputs_new" and reason.name == "original" for reason in found):
        found = [Reason("adopted"), *(each for each in found if each.kind not in ("inputs_new", "inputs_gone"))]
    return tuple(found)


def _reason(kind: str, name: str, before: Any, after: Any, where: str) -> Reason:  # noqa: ANN401 - any JSON value
    if kind in ("inputs", "environment") and (before is None or after is None):
        kind += "_new" if before is None else "_gone"
    return Reason(kind, name, before, after, where)


def _where(kind: str, name: str, before: Components, after: Components) -> str:
    """Return the names of the files of an input that differ, if they are known."""
    old, new = (parts.get("files", {}).get(name, {}) for parts in (before, after))
    known = kind == "inputs" and old and new
    return ", ".join(file for file in _ordered(old, new) if old.get(file) != new.get(file)) if known else ""


def explain(before: Components | None, after: Components) -> tuple[Reason, ...]:
    """Explain why a key has no artifact, by comparing it with the last key of the same stage and source."""
    if before is None:
        return (Reason("first"),)
    return differences(before, after) or (Reason("missing"),)


def _ordered(*tables: Iterable[str]) -> list[str]:
    return sorted({name for table in tables for name in table})
