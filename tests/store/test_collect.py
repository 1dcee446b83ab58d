from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from pipeline.engine import record
from pipeline.errors import UsageError
from pipeline.store import collect
from pipeline.store.collect import Limits, parse_duration, parse_size
from pipeline.store.store import Store
from tests.engine.fakes import NAMES, Bench


def test_the_list_shows_what_and_for_which_model(bench: Bench) -> None:
    bench.run()
    listed = collect.entries(bench.store)
    assert {entry.kind for entry in listed} == {"graph", "caffe", "caffe2", "verification"}
    assert {entry.model for entry in listed} == {str(bench.model)}
    assert [entry.used for entry in listed] == sorted((entry.used for entry in listed), reverse=True)


def test_a_sound_store_has_no_problem(bench: Bench) -> None:
    bench.run()
    assert collect.check(bench.store) == []


def test_check_finds_what_stat_does_not_show(bench: Bench) -> None:
    outcome = bench.run()
    key = outcome.record.stages[1].key
    path = bench.store.folder(key) / "deploy.prototxt"
    right = bench.store.digests.of(path)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[::-1])
    bench.store.digests.remember(path, right)  # as a disk that rots: nothing about the file has changed
    assert collect.check(bench.store) == [(key, "deploy.prototxt has changed")]
    assert collect.check(bench.store) == []


def test_artifacts_not_used_for_long_are_collected(bench: Bench) -> None:
    outcome = bench.run()
    old = bench.store.folder(outcome.record.stages[0].key)
    os.utime(old, (1e9, 1e9))
    removed = collect.collect(bench.store, Limits(older_than=86400))
    assert [removal.name for removal in removed] == [old.name]
    assert not old.exists()
    bench.run()
    assert bench.ran() == ["import"]


def test_a_clock_that_goes_back_from_one_look_to_the_next_takes_nothing_from_anybody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = count(step=-5)

    def now() -> str:
        return (datetime.now(UTC) + timedelta(hours=next(hours))).isoformat()

    monkeypatch.setattr(record, "now", now)
    ended = bench.run().record
    assert ended.state == "done" and ended.finished < ended.started
    ahead = time.time() + 86400
    for entry in collect.entries(bench.store):
        os.utime(bench.store.folder(entry.key), (ahead, ahead))
    assert collect.collect(bench.store, Limits(older_than=3600)) == []
    assert bench.run().exit_code == 0
    assert bench.ran() == []


def test_what_was_used_in_the_future_grows_old_from_now_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a machine leaves it whose clock was wrong; what it remembered of digests and runs is no other."""
    outcome, now = bench.run(), time.time()
    old = [bench.store.folder(stage.key) for stage in outcome.record.stages]
    old += [path for name in ("digests", "history") for path in (bench.root / name).iterdir()]
    for path in old:
        os.utime(path, (now + 1e9, now + 1e9))
    assert collect.collect(bench.store, Limits(older_than=86400), dry_run=True) == []
    assert all(path.stat().st_mtime > now + 1e8 for path in old)
    assert collect.collect(bench.store, Limits(older_than=86400)) == []
    monkeypatch.setattr(time, "time", lambda: now + 40 * 86400)
    assert len(collect.collect(bench.store, Limits(older_than=86400))) == len(NAMES)
    assert not any(path.exists() for path in old)


def test_a_dry_run_removes_nothing(bench: Bench) -> None:
    bench.run()
    assert len(collect.collect(bench.store, Limits(max_size=0), dry_run=True)) == len(NAMES)
    bench.run()
    assert bench.ran() == []


def test_the_store_is_brought_to_a_size_and_the_newest_stay(bench: Bench) -> None:
    for number, entry in enumerate(bench.run().record.stages):
        os.utime(bench.store.folder(entry.key), (1e9 + number, 1e9 + number))
    limit = 2_200_000  # of three large artifacts, one
    collect.collect(bench.store, Limits(max_size=limit))
    left = collect.entries(bench.store)
    assert sum(entry.size for entry in left) <= limit
    assert left[0].kind == "verification"


def test_the_newest_of_each_model_and_kind_can_be_kept(bench: Bench) -> None:
    bench.run()
    bench.run(root="other")
    collect.collect(bench.store, Limits(max_size=0, keep=1))
    kinds = [entry.kind for entry in collect.entries(bench.store)]
    assert sorted(kinds) == ["caffe", "caffe2", "graph", "verification"]


def test_a_network_edited_by_hand_and_its_origins_stay_unless_they_are_meant(bench: Bench) -> None:
    bench.run()
    (bench.output / "deploy.prototxt").write_text('name: "edited"\n')
    bench.resume(adopt=True)
    collect.collect(bench.store, Limits(max_size=0))
    left = [(entry.kind, entry.origin) for entry in collect.entries(bench.store)]
    assert sorted(left) == [("caffe", "edited"), ("caffe", "made"), ("graph", "made")]
    assert bench.resume().exit_code == 0
    assert bench.ran() == ["translate", "verify"]
    collect.collect(bench.store, Limits(max_size=0, edited=True))
    assert collect.entries(bench.store) == []
    assert bench.resume().error.what == "the Caffe network that this run starts from is no longer in the store"


def test_what_a_run_in_progress_uses_is_left_alone(bench: Bench) -> None:
    outcome = bench.run()
    keys = [entry.key for entry in outcome.record.stages]
    with bench.store.sessions.open() as session:
        session.uses(keys[0])
        removed = collect.collect(bench.store, Limits(max_size=0))
    assert {removal.name for removal in removed} == set(keys[1:])


def test_what_was_put_aside_is_removed(bench: Bench) -> None:
    outcome = bench.run()
    Store(bench.root).set_aside(outcome.record.stages[0].key, "test")
    assert "damaged" in collect.collect(bench.store, Limits())[0].why
    assert list((bench.root / "quarantine").iterdir()) == []


@pytest.mark.parametrize(("text", "seconds"), [("30d", 2592000), ("12h", 43200), ("1.5m", 90), ("2w", 1209600)])
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(("text", "size"), [("10G", 10**10), ("500 MB", 5 * 10**8), ("12", 12), ("1.5k", 1500)])
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("parse", [parse_duration, parse_size])
@pytest.mark.parametrize("text", ["", "many", "-3G", "3 y", f"{'9' * 5000}d", f"{'9' * 400}G"])
def test_other_texts_are_refused(parse: object, text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)  # type: ignore[operator]
