"""What a folder's record says is believed only as far as a run of this user is known to have said it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.engine import runner, status
from pipeline.errors import InvalidInputError, UsageError
from tests.engine.fakes import STAGES, Bench
from tests.support import edit_record


@pytest.mark.parametrize("name", ["../victim", "/tmp/victim", "a/b", ".hidden", "", "a\\b", "a\nb"])
@pytest.mark.parametrize("field", ["delivered", "pending"])
def test_a_delivered_file_lies_in_the_folder(bench: Bench, field: str, name: str) -> None:
    bench.run()
    edit_record(bench.output, lambda r: r[field].update({name: r["delivered"]["graph.json"]}))
    victim = bench.folder / "victim"
    victim.write_bytes((bench.output / "graph.json").read_bytes())
    with pytest.raises(InvalidInputError, match="run record"):
        bench.resume()
    assert bench.run(root="other").exit_code == 2  # as none: what lies there counts as the user's
    assert victim.exists()


@pytest.mark.parametrize("key", ["/home/me/ssh", "..", "x", "A" * 64])
def test_an_artifact_to_go_on_from_is_named_by_a_key(bench: Bench, key: str) -> None:
    bench.run()
    given = {"kind": "caffe", "origin": "made", "key": key, "role": ""}
    edit_record(bench.output, lambda record: record["source"].update(given=[given]))
    with pytest.raises(InvalidInputError, match="run record"):
        bench.resume()


@pytest.mark.parametrize("data", [b'{\n  "run": "baseline",\n  "lr": 0.1\n}\n', b'{"run": 1, "stages": []}', b"[1]"])
def test_somebody_elses_record_is_left_alone(bench: Bench, data: bytes) -> None:
    bench.output.mkdir()
    (bench.output / "run.json").write_bytes(data)
    with pytest.raises(UsageError, match=r"run\.json"):
        bench.run()
    assert (bench.output / "run.json").read_bytes() == data


@pytest.mark.parametrize("data", [b"", b"\0" * 512, b'{\n  "run": "abc", "opt'])
def test_a_record_that_a_power_cut_spoilt_does_not_block_the_folder(bench: Bench, data: bytes) -> None:
    bench.run()
    before = bench.delivered()
    (bench.output / "run.json").write_bytes(data)
    with pytest.raises(InvalidInputError, match="damaged"):
        bench.resume()
    assert bench.run().exit_code == 0
    assert bench.delivered() == before
    assert bench.ran() == []


def test_a_status_of_an_untrusted_store_reads_the_users_own(bench: Bench, tmp_path: Path) -> None:
    bench.run()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "notes.txt").write_text("mine")
    edit_record(bench.output, lambda record: record.update(store=str(tmp_path / "theirs")))
    found = status.look(bench.output, STAGES)
    assert "--store" in found.obstacle
    assert sorted(path.name for path in (tmp_path / "theirs").iterdir()) == ["notes.txt"]
    with pytest.raises(UsageError, match="lies outside"):
        runner.resume(bench.output, lambda event: None, stages=STAGES)
