"""Where a run starts in the DAG: from the user's file, from their Caffe pair, or from files edited by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pipeline
from pipeline import formats
from pipeline.engine import dag
from pipeline.engine.delivery import copy, edited, holds, reflink
from pipeline.engine.record import GivenArtifact, RunRecord, now
from pipeline.engine.sources import Entrance
from pipeline.errors import InvalidInputError, MachineError, UsageError
from pipeline.graph import signature
from pipeline.stages.stage import Stage
from pipeline.store.digests import Digests, digest_of
from pipeline.store.sessions import Session
from pipeline.store.store import Artifact, Store, content_digest
from pipeline.wire.digest import Digested


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a stage: a folder of the store, with its key, or the user's file; and its content digest."""

    path: Path
    digest: str
    key: str = ""
    files: Mapping[str, str] = field(default_factory=dict)  # the digest of each of its files


def stored(artifact: Artifact) -> Input:
    """Return an artifact of the store as an input of a stage."""
    files = {name: str(entry["blake3"]) for name, entry in artifact.files.items()}
    return Input(artifact.path, artifact.digest, artifact.key, files)


def users(path: Path, digest: str) -> Input:
    """Return the user's file as an input of a stage."""
    return Input(path, digest, files={str(path): digest})


ORIGINAL = "original"  # the kind under which stages read an artifact as it was before it was edited


@dataclass(frozen=True, slots=True)
class Given:
    """An artifact that a run starts from. With a `key` it is in the store; otherwise it is taken in from `files`.

    Stages read it as its `role`, or else as its `kind`.
    """

    kind: str
    origin: str  # "given" by the user, "edited" in an output folder, "made" by an earlier run
    key: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)
    parent: str = ""
    edited: tuple[str, ...] = ()
    role: str = ""

    @property
    def read_as(self) -> str:
        """The kind under which stages read it."""
        return self.role or self.kind


def from_source(source: Entrance) -> tuple[Given, ...]:
    """Return the artifacts of a source; empty if a stage reads the user's file itself."""
    return (Given(source.kind, "given", files=source.files),) if source.adopted else ()


def as_json(given: Given, artifact: Artifact) -> GivenArtifact:
    """Return a given artifact as JSON values, for the record."""
    return GivenArtifact(kind=given.kind, key=artifact.key, origin=given.origin, role=given.role)


def from_record(record: RunRecord, folder: Path, store: Store) -> tuple[Given, ...]:
    """Return the artifacts from which an earlier run continued after an edit, for resuming it.

    Empty if the edited files have changed since they were adopted.
    """
    entries = record.source.get("given", ())
    for name, entry in _adopted(record, store).items():
        if (folder / name).exists() and not holds(folder / name, entry, store.digests):
            return ()
    return tuple(Given(e["kind"], e["origin"], key=e["key"], role=e.get("role", "")) for e in entries)


def not_adopted(record: RunRecord, folder: Path, store: Store) -> list[str]:
    """Return the edited files of an output folder that the last run has not adopted in this state."""
    adopted = _adopted(record, store)
    changed = edited(folder, record.delivered, store.digests)
    return [name for name in changed if name not in adopted or not holds(folder / name, adopted[name], store.digests)]


def _adopted(record: RunRecord, store: Store) -> dict[str, dict[str, Any]]:
    """Return the edited files that a run adopted. It may have ended before they were delivered."""
    keys = [entry["key"] for entry in record.source.get("given", ()) if entry["origin"] == "edited"]
    found = [artifact for key in keys if isinstance(artifact := store.read(key), Artifact)]
    edited = ((artifact, set(artifact.manifest.get("edited", ()))) for artifact in found)
    return {name: artifact.files[name] for artifact, names in edited for name in names.intersection(artifact.files)}


def adopt(folder: Path, record: RunRecord, stages: Sequence[Stage], store: Store) -> tuple[Given, ...]:
    """Find the edited files in an output folder, and return the artifacts that a run from there starts with.

    These are one artifact for each kind with an edited file, and unedited artifacts that later stages need. Raises
    UsageError if nothing was edited, or if an edited file is not read by any stage, or is code that would be executed.
    """
    changed = set(edited(folder, record.delivered, store.digests))
    changed |= {name for name, entry in record.delivered.items() if entry.get("edited")}
    if not changed:
        raise UsageError(f"no file in {folder} was edited", advice=f"torch2caffe2 resume {folder}")
    readable = {kind for stage in stages for kind in stage.reads} - formats.UNREAD
    for name in sorted(changed):
        kind = record.delivered[name]["kind"]
        if kind not in readable:
            raise UsageError(
                f"{name} cannot be adopted",
                why=f"no stage reads a {kind}",
                advice="move it away, then resume",
            )
    kinds = {record.delivered[name]["kind"] for name in changed}
    adopted = tuple(_edited(folder, record, kind, changed, store) for kind in sorted(kinds))
    keys = {entry["kind"]: entry["key"] for entry in record.delivered.values()}
    beside = _needed_beside(stages, kinds, set(keys))
    beside_them = tuple(Given(kind, "made", key=keys[kind]) for kind in sorted(beside))
    return adopted + beside_them + (_original(stages, adopted, store) if ORIGINAL in readable else ())


def _original(stages: Sequence[Stage], adopted: Sequence[Given], store: Store) -> tuple[Given, ...]:
    """Return the first edited artifact as it was before any edit; empty if it is no longer in the store."""
    order = [stage.makes for stage in dag.order(stages)]
    first = min(adopted, key=lambda given: order.index(given.kind))
    key, seen = first.parent, set[str]()
    while isinstance(found := store.read(key), Artifact) and found.manifest["origin"] == "edited" and key not in seen:
        seen.add(key)
        key = found.manifest["parents"].get(first.kind, key)
    return (Given(first.kind, "made", key=found.key, role=ORIGINAL),) if isinstance(found, Artifact) else ()


def _edited(folder: Path, record: RunRecord, kind: str, changed: set[str], store: Store) -> Given:
    entries = {name: entry for name, entry in record.delivered.items() if entry["kind"] == kind}
    if missing := sorted(name for name in entries if not (folder / name).is_file()):
        raise UsageError(f"{', '.join(missing)} is missing in {folder}", advice="put it back, then resume")
    parent = next(iter(entries.values()))["key"]
    files = {name: folder / name for name in entries}
    ports = store.folder(parent) / signature.FILE
    if ports.is_file():
        files[signature.FILE] = ports
    return Given(kind, "edited", files=files, parent=parent, edited=tuple(sorted(changed & set(entries))))


def _needed_beside(stages: Sequence[Stage], kinds: set[str], present: set[str]) -> set[str]:
    """Return the other kinds that stages after `kinds` need, and that an earlier run has made."""
    available, beside = set(kinds), set[str]()
    for stage in dag.order(stages):
        lacking = set(stage.needs) - available
        if stage.makes not in kinds and available.intersection(stage.reads) and lacking <= present:
            beside |= lacking
            available |= lacking | {stage.makes}
    return beside


def take_in(given: Given, store: Store, session: Session, facts: Mapping[str, Any]) -> Artifact:
    """Return the artifact of what is given, from the store or made from the user's files. Raises OSError.

    The files are digested before they are copied and checked again afterwards, so that a change in between is noticed.
    """
    content = {name: _entry(path, store.digests) for name, path in given.files.items()}
    key = given.key or _key(given, content)
    session.uses(key)
    with store.lock(key):
        found = store.find(key)
        if isinstance(found, Artifact):
            return found
        if not given.files:
            raise MachineError(
                f"{_title(given.kind)} that this run starts from is no longer in the store",
                where=str(store.folder(key)),
                why=found.reason if found else "it was removed",
                advice="resume --adopt takes it from the output folder; convert makes it again",
            )
        folder = session.temporary(given.kind)
        for name, path in given.files.items():
            if not reflink(path, folder / name):
                copy(path, folder / name)
        if content != {name: _entry(path, store.digests) for name, path in given.files.items()}:
            raise InvalidInputError(
                f"the files of {_title(given.kind)} changed while they were read", advice="run again"
            )
        known = {name: Digested(**entry) for name, entry in content.items()}
        return store.publish(folder, {**facts, **_facts(given, key)}, known)


def _title(kind: str) -> str:
    """Return the name of a kind of artifact in messages: "the Caffe network"."""
    known = formats.named(kind)
    title = known.title if known else f"the {kind}"
    return title if title.startswith("the ") else f"the {title} network"


def identify(given: Given, store: Store) -> Input | None:
    """Return the given artifact as an input of stages, without taking it in; None if it is gone."""
    if given.key:
        found = store.check(given.key)
        return stored(found) if isinstance(found, Artifact) else None
    content = {name: _entry(path, store.digests) for name, path in given.files.items()}
    key = _key(given, content)
    files = {name: str(entry["blake3"]) for name, entry in content.items()}
    return Input(store.folder(key), content_digest(content), key, files)


def _key(given: Given, content: Mapping[str, Any]) -> str:
    return digest_of("given", {"kind": given.kind, "parent": given.parent, "files": content})


def _entry(path: Path, digests: Digests) -> dict[str, Any]:
    return {"blake3": digests.of(path), "size": path.stat().st_size}


def _facts(given: Given, key: str) -> dict[str, Any]:
    return {
        "kind": given.kind,
        "key": key,
        "stage": "",
        "origin": given.origin,
        "edited": list(given.edited),
        "parents": {given.kind: given.parent} if given.parent else {},
        "components": {},
        "versions": {"torch2caffe2": pipeline.__version__},
        "started": now(),
        "seconds": 0.0,
    }
