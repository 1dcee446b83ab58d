"""The manifest of an artifact: what it is, of what and by what it was made, and the digests of its files.

A store may have come from somebody else, digests and all: what a manifest says has these types, or is damage.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec

from pipeline.store.digests import canonical, digest_of

FORMAT = 2

# File names stay inside their folder, keys name artifacts.
Name = Annotated[str, msgspec.Meta(pattern=r"^(?!\.)[^/\\\x00-\x1f]{1,255}\Z")]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Count = Annotated[int, msgspec.Meta(ge=0, lt=(1 << 63) - 1)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]  # in ISO 8601, with its zone


class StoredFile(TypedDict):
    """A file of an artifact."""

    blake3: Digest
    size: Count


class Components(TypedDict, total=False):
    """What decided the result of a stage, as far as it is looked at again."""

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
    """The options of a run, as far as they are looked at again."""

    model: str
    origins: dict[str, Any]


class Failure(TypedDict):
    """Why a stage that has compared numbers failed, as its error says it."""

    what: str
    where: str
    why: str
    advice: str


class Manifest(TypedDict):
    """What a manifest says."""

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
    """Return the manifest that says so, with the digest by which `parse` knows it to be whole."""
    manifest = {**facts, "format": FORMAT}
    return canonical({**manifest, "check": digest_of("manifest", manifest)})


def parse(data: bytes) -> dict[str, Any]:
    """Return what a manifest says. Raises ValueError with the reason for which it is damage."""
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
    except (ValueError, RecursionError) as error:  # of another type, or text that is no Unicode
        raise ValueError(f"says what no run would: {error}") from error
    return dict(found)
