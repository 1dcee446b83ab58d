"""Who bears each step of a conversion out, and what is said where nobody else does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.graph.comparison import Difference
from pipeline.verification.check import Candidate, Check
from pipeline.verification.evidence import gather, words
from tests.verification.nets import network

NET = network()
MADE = [Candidate(kind, {}, NET) for kind in ("graph", "caffe", "caffe2")]
NETS = [MADE[0], Candidate("t7", {}, None), *MADE[1:]]
OWN = [Check(f"{kind} read back", kind, independent=False, seen=9) for kind in ("caffe", "caffe2")]
ORIGINAL = Check("io.npz", "graph", independent=True, seen=1, worst=Difference(2e-7, 2e-7))
NOBODY = "nobody reads {}"
OPINION = Check("OpenCV 4.14.0", "t7", independent=True, binding=False, seen=1)
CAFFE = Check("Caffe 1.0.0", "caffe", independent=True, seen=9)
CAFFE2S = [Check(f"Caffe2 {version}", "caffe2", independent=True, seen=9) for version in ("1.0.1", "1.10.2")]


def told(artifacts, checks) -> dict[str, tuple[str, list[str], str]]:
    return {
        e.step: (e.state, [witness.by for witness in e.by], e.why) for e in gather(artifacts, checks, NOBODY.format)
    }


def test_every_step_is_judged_by_those_who_computed_the_same():
    assert told(NETS, [ORIGINAL, OPINION, *OWN, CAFFE, *CAFFE2S]) == {
        "import": ("judged", ["io.npz", "OpenCV 4.14.0"], ""),
        "emission": ("judged", ["Caffe 1.0.0"], ""),
        "translation": ("judged", ["Caffe2 1.0.1", "Caffe2 1.10.2"], ""),
    }


def test_a_format_that_is_only_written_is_a_step_of_its_own_and_bears_out_no_other():
    found = told(
        [*NETS, Candidate("pytorch", {}, None)], [Check("PyTorch 2.13.0", "pytorch", independent=True, seen=1)]
    )
    assert found["to PyTorch"] == ("judged", ["PyTorch 2.13.0"], "")
    assert found["import"][0] == "not judged"


def test_our_own_reader_is_no_judge_and_what_is_missing_is_said():
    assert told(NETS, OWN) == {
        "import": ("not judged", [], f"no outputs of the original were given (--reference); {NOBODY.format('t7')}"),
        "emission": (
            "itself",
            ["caffe read back"],
            NOBODY.format("caffe"),
        ),
        "translation": (
            "itself",
            ["caffe2 read back"],
            NOBODY.format("caffe2"),
        ),
    }


def test_a_runtime_that_could_not_run_the_files_is_no_judge_and_its_reason_is_told():
    silent = replace(CAFFE, skipped="crash: signal 6")
    assert told(NETS, [*OWN, silent])["emission"] == ("itself", ["caffe read back"], "Caffe 1.0.0: crash: signal 6")


def test_of_a_network_that_is_not_in_the_file_as_it_is_no_runtime_is_asked_for():
    state, by, why = told(MADE, OWN)["import"]
    assert (state, by) == ("not judged", [])
    assert "no other program finds" in why
    assert "nobody reads" not in why


def test_an_opinion_that_differs_is_no_judge():
    apart = replace(OPINION, diverges_at="conv")
    state, by, why = told(NETS, [apart])["import"]
    assert (state, by) == ("not judged", [])
    assert "OpenCV 4.14.0: it gives other numbers" in why


@pytest.mark.parametrize("check", [replace(CAFFE, diverges_at="conv"), replace(OWN[0], diverges_at="conv")])
def test_a_difference_outranks_whoever_agrees(check):
    assert told(NETS, [CAFFE, OWN[0], check])["emission"] == ("differs", [check.by], "")


def test_a_caffe_network_from_anywhere_is_imported_and_translated():
    assert list(told(MADE[1:], [CAFFE, *CAFFE2S])) == ["import", "translation"]


def test_of_an_edited_network_only_what_was_made_from_it_is_a_step():
    assert list(told([*MADE[1:], replace(MADE[0], binding=False)], [CAFFE])) == ["import", "translation"]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("judged", ("judged by", "Caffe 1.0.0 (9 values, worst 2e-07), Odd 1 (1 value, worst inf)")),
        ("differs", ("differs in", "Caffe 1.0.0 (9 values, worst 2e-07), Odd 1 (1 value, worst inf)")),
        ("itself", ("agrees with itself only", "nobody was there")),
        ("not judged", ("not judged", "nobody was there")),
    ],
)
def test_a_step_is_worded_by_whom_or_why_not(state, said):
    by = [{"by": "Caffe 1.0.0", "values": 9, "relative": 2e-7}, {"by": "Odd 1", "values": 1, "relative": "inf"}]
    assert words({"step": "emission", "state": state, "by": by, "why": "nobody was there"}) == said
