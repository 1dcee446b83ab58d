"""The manifest of an artifact: what it is, what it was made from and how, and the digests of its files.

Manifests are untrusted, since a store may come from somebody else: one that does not have these types is damaged.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec

from pipeline.store.digests import canonical, digest_of

FORMAT = 2

# File names must stay inside their folder, and keys must be keys.
Name = Annotated[str, msgspec.Meta(pattern=r"^(?!\.)[^/\\\x00-\x1f]{1,255}\Z")]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0, lt=(1 << 63) - 1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]  # in ISO 8601, with its zone


class StoredFile(TypedDict):
    """A file of an artifact."""

    blake3: Digest
    size: Count


class Components(TypedDict, total=False):
    """What determined the result of a stage, as far as it is read again."""

    options: dict[str, Any]
    inputs: dict[str, Any]
    libraries: dict[str, str]
    environment: dict[str, Any]
    code: dict[str, Any]
    files: dict[str, dict[str, Any]]


class Source(TypedDict):
    """The user's files that a run started from, by digest."""

    files: dict[str, Digest]


class Asked(TypedDict, total=False):
    """The options of a run, as far as they are read again."""

    model: str
    origins: dict[str, Any]


class Failure(TypedDict):
    """The error of a stage that compared numbers and failed."""

    what: str
    where: str
    why: str
    advice: str


class Manifest(TypedDict):
    """The contents of a manifest."""

    format: int
    kind: str
    key: Digest
    digest: Digest
    files: dict[Name, StoredFile]
    stage: str
    origin: str
    parents: dict[str, Digest]
    components: Components
    versions: dict[str, str]
    started: Moment
    run: str
    source: Source
    options: Asked
    command: list[str]
    notes: NotRequired[list[str]]
    edited: NotRequired[list[str]]
    failure: NotRequired[Failure]


def sealed(facts: dict[str, Any]) -> bytes:
    """Return the manifest with these facts, and a digest by which `parse` recognises that it is complete."""
    manifest = {**facts, "format": FORMAT}
    return canonical({**manifest, "check": digest_of("manifest", manifest)})


def parse(data: bytes) -> dict[str, Any]:
    """Return the contents of a manifest. Raises ValueError, with the reason, if it is damaged."""
    try:
        found = json.loads(data)
        check = found.pop("check")
        is_whole = check == digest_of("manifest", found)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        raise ValueError("is damaged") from None
    if found.get("format") != FORMAT:
        raise ValueError(f"is not of format {FORMAT}, the one that this version writes")
    if not is_whole:
        raise ValueError("is damaged")
    try:
        msgspec.convert(found, Manifest)
    except (ValueError, RecursionError) as error:  # a wrong type, or text that is not Unicode
        raise ValueError(f"says what no run would: {error}") from error
    return dict(found)
