"""Finds out what a file was made from, from its contents alone, even for a renamed copy in another place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config import DEFAULT
from pipeline.errors import UsageError
from pipeline.store.machine import on_machine
from pipeline.store.store import Artifact, Store
from pipeline.wire.digest import file_digest


@dataclass(frozen=True, slots=True)
class Link:
    """One artifact on the way from the source to the file. `file` is the name of the file if it is in this artifact."""

    kind: str
    key: str
    origin: str
    stage: str
    made: str
    versions: dict[str, str]
    file: str = ""


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a file was made from: the user's files by digest, the options that were set, and artifacts, last first."""

    digest: str
    run: str
    source: dict[str, str]
    options: dict[str, Any]
    command: tuple[str, ...]
    links: tuple[Link, ...]


def lineage(store: Store, path: Path) -> tuple[Lineage, ...]:
    """Find every artifact in the store that contains exactly this file, and what it was made from.

    Raises UsageError if there is none: the file was changed or made elsewhere, or its artifact was removed.
    """
    with on_machine("reading the file", path):
        digest = file_digest(path)
    with on_machine("reading the store", store.root):
        found = tuple(
            _lineage(store, artifact, name, digest)
            for artifact in store.artifacts()
            if isinstance(artifact, Artifact)
            for name, entry in artifact.files.items()
            if entry["blake3"] == digest
        )
    if not found:
        raise UsageError(
            f"{path} is not known to this store",
            where=str(store.root),
            why="it was changed since, or made with another store, or its artifact was collected",
        )
    return found


def _lineage(store: Store, artifact: Artifact, name: str, digest: str) -> Lineage:
    manifest = artifact.manifest
    options, origins = dict(manifest["options"]), manifest["options"].get("origins", {})
    chosen = {option: value for option, value in options.items() if origins.get(option, DEFAULT) != DEFAULT}
    chain = (_link(artifact, name), *(_link(parent) for parent in ancestors(store, artifact)))
    source, command = dict(manifest["source"]["files"]), tuple(manifest["command"])
    return Lineage(digest, str(manifest["run"]), source, chosen, command, chain)


def _link(artifact: Artifact, file: str = "") -> Link:
    manifest = artifact.manifest
    return Link(
        artifact.kind,
        artifact.key,
        manifest["origin"],
        manifest["stage"],
        manifest["started"],
        {**manifest["versions"], **manifest["components"].get("libraries", {})},
        file,
    )


def ancestors(store: Store, artifact: Artifact) -> Iterator[Artifact]:
    """Return the artifacts that an artifact was made from, nearest first, without those that were removed."""
    seen, waiting = set[str](), list(artifact.manifest["parents"].values())
    while waiting:
        key = waiting.pop(0)
        found = store.read(key) if key not in seen else ""
        seen.add(key)
        if isinstance(found, Artifact):
            yield found
            waiting.extend(found.manifest["parents"].values())
