"""A store that somebody else has made, digests and all: what its manifests say has the right types, or is damage."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine import status
from pipeline.store import collect, manifest
from pipeline.store.lineage import lineage
from pipeline.store.store import MANIFEST, Damage
from tests.engine.fakes import STAGES, Bench
from tests.support import edit_record


def _rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    found = json.loads(path.read_bytes())
    change(found)
    path.chmod(0o644)
    path.write_bytes(manifest.sealed({name: found[name] for name in found if name not in ("check", "format")}))


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(files=5),
        lambda found: found.update(files="\ud800"),
        lambda found: found["files"].update({"../victim": next(iter(found["files"].values()))}),
        lambda found: found["files"].update({"a": {"blake3": "x", "size": 1}}),
        lambda found: found["files"].update({"a": {"blake3": "a" * 64, "size": "1"}}),
        lambda found: found.update(key="b" * 64),
        lambda found: found.update(parents=[1]),
        lambda found: found.update(parents={"t7": "../../home"}),
        lambda found: found.update(started="yesterday"),
        lambda found: found.update(started="0001-01-01T00:00:00"),  # nowhere on earth in the years that computers know
        lambda found: found.pop("started"),
        lambda found: found.update(versions=None),
        lambda found: found.update(components={"libraries": 1}),
        lambda found: found.update(options={"origins": []}),
        lambda found: found.update(source={}),
        lambda found: found.update(command=5),
        lambda found: found.update(notes=[1]),
        lambda found: found.update(failure="x"),
        lambda found: found.update(edited=3),
    ],
)
def test_a_manifest_of_other_types_is_damage_wherever_it_is_read(
    bench: Bench, change: Callable[[dict[str, Any]], object]
) -> None:
    key = bench.run().record.stages[0].key
    _rewritten(bench.store.folder(key) / MANIFEST, change)
    assert isinstance(bench.store.read(key), Damage)
    assert len(collect.entries(bench.store)) == len(STAGES) - 1
    assert lineage(bench.store, bench.output / "deploy.prototxt")
    assert bench.run().exit_code == 0
    assert bench.ran() == ["import"]


def test_a_manifest_nested_too_deep_is_damage(bench: Bench) -> None:
    key = bench.run().record.stages[0].key
    path = bench.store.folder(key) / MANIFEST
    path.chmod(0o644)
    path.write_bytes(b"[" * 100_000)
    assert isinstance(bench.store.read(key), Damage)


def test_a_record_that_calls_a_made_artifact_edited_is_looked_at_all_the_same(bench: Bench) -> None:
    key = bench.run().record.stages[0].key
    given = {"kind": "graph", "origin": "edited", "key": key, "role": ""}
    edit_record(bench.output, lambda record: record["source"].update(given=[given]))
    assert status.look(bench.output, STAGES).edited == ()


@pytest.mark.parametrize(
    "facts",
    [{"inputs": 5}, {"options": []}, {"files": {"graph": 1}}, {"files": {"graph": "\ud800"}}, {"libraries": {"x": 1}}],
)
def test_a_history_of_other_types_is_none(bench: Bench, facts: dict[str, Any]) -> None:
    bench.run()
    bench.store.remember("import", [str(bench.model)], facts)
    assert bench.store.last("import", [str(bench.model)]) is None
    assert bench.run(root="other").exit_code == 0
