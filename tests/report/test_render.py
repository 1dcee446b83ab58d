from __future__ import annotations

import base64
import hashlib
import html
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from pipeline.graph.builder import Builder
from pipeline.report import words
from pipeline.report.render import render
from tests.report.runs import HOSTILE, folder, residual
from tests.support import taking_less_than

ALLOWED = {"script": 2, "style": 1, "meta": 6}


class Page(HTMLParser):
    """The elements of a page, their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    made = folder(tmp_path_factory.mktemp("hostile"), residual(8, HOSTILE, HOSTILE), {HOSTILE: 1.0}, HOSTILE)
    return render(made.report())


def test_names_from_files_never_become_elements_or_attributes(hostile: str) -> None:
    page = Page(hostile)
    counts = Counter(page.tags)
    assert counts["img"] == 2  # of filters, and of feature maps
    assert {tag: counts[tag] for tag in ALLOWED} == ALLOWED
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert "".join(page.text).count("onerror") > 20


def test_names_from_files_are_no_templates(hostile: str) -> None:
    assert "{{ 7 * 7 }}" in hostile
    assert "49 " not in "".join(Page(hostile).text).split("onerror")[1][:60]


def test_characters_that_turn_text_around_are_spelled_out(hostile: str) -> None:
    assert "\u202e" not in hostile
    assert "\\u202egnp" in hostile


def test_nothing_is_loaded_from_anywhere(hostile: str) -> None:
    links = [
        value for _, name, value in Page(hostile).attributes if name in ("href", "src", "action", "srcset", "data")
    ]
    assert links
    assert all(re.fullmatch(r"#[\w-]+|data:image/png;base64,[\w+/=]+", link) for link in links)
    assert "@import" not in hostile
    assert "url(" not in hostile


def test_the_browser_is_told_to_load_nothing_and_to_run_nothing_but_the_pages_own_scripts(hostile: str) -> None:
    def digests(tag: str) -> str:
        texts = re.findall(f"<{tag}>(.*?)</{tag}>", hostile, re.DOTALL)
        hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
        return " ".join(f"'sha256-{each}'" for each in hashes)

    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', hostile)
    assert dict(rule.split(" ", 1) for rule in html.unescape(policy).split("; ")) == {
        "default-src": "'none'",
        "style-src": digests("style"),
        "script-src": digests("script"),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_every_link_and_label_leads_to_something(hostile: str) -> None:
    attributes = Page(hostile).attributes
    ids = [value for _, name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids))
    wanted = {value[1:] for _, name, value in attributes if name == "href"}
    wanted |= {value for _, name, value in attributes if name in ("aria-labelledby", "aria-describedby", "list")}
    assert wanted <= set(ids)


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    made = folder(tmp_path, residual(8))
    assert render(made.report()) == render(made.report())


def test_a_network_of_thousands_of_layers_has_a_page_in_seconds(tmp_path: Path) -> None:
    net = Builder("deep")
    x = net.input("data", (1, 4))
    for layer in range(3000):
        x = net.add("Relu" if layer % 3 else "Tanh", x)
    report = folder(tmp_path / "run", net.finish([x])).report()
    with taking_less_than(4):
        assert render(report).count('id="node-') == 3001


def test_a_run_that_did_not_come_far_has_a_page(tmp_path: Path) -> None:
    made = folder(tmp_path, None)
    report = replace(made.report(), run=replace(made.report().run, state="failed", error="it broke", stages=()))
    page = "".join(Page(render(report)).text)
    assert "it broke" in page
    assert "There is no network to show" in page
    assert "There is no verification" in page


EVERY = {"io.npz, t7": 1e-7, "Caffe 1, caffe": 1e-7, "Caffe2 1, caffe2": 1e-7}


@pytest.mark.parametrize(
    ("errors", "word", "sentence"),
    [
        (EVERY, "Verified", "Import: judged by io.npz. Emission: judged by Caffe 1. Translation: judged by Caffe2 1."),
        ({"OpenCV 4, caffe": 1e-7}, "Partly verified", "Import: not judged. Emission: judged by OpenCV 4."),
        ({"caffe read back": 1e-7}, "Agrees with itself only", "Emission: agrees with itself only."),
        ({"caffe read back": 1.0}, "Numbers differ", "first in features.0"),
        ({"OpenCV 4, caffe": float("inf")}, "Numbers differ", "Emission: differs in OpenCV 4."),
    ],
)
def test_the_verdict_tells_who_vouches_for_it(
    tmp_path: Path, errors: dict[str, float], word: str, sentence: str
) -> None:
    page = "".join(Page(render(folder(tmp_path, residual(3), errors).report())).text)
    assert word in page
    assert sentence in page


def test_a_witness_that_was_required_and_is_missing_is_no_verification(tmp_path: Path) -> None:
    report = folder(tmp_path, residual(3), EVERY).report()
    assert report.parity
    page = "".join(Page(render(replace(report, parity=replace(report.parity, unheard=("caffe2==1.4.0",))))).text)
    assert "Witness missing" in page
    assert "caffe2==1.4.0 was required to judge the files, and did not." in page


def test_each_step_is_listed_with_whoever_bears_it_out(tmp_path: Path) -> None:
    page = "".join(Page(render(folder(tmp_path, residual(3), EVERY).report())).text)
    assert "Caffe2 1 (1 value, worst 1e-07)" in page


def test_an_edited_file_takes_the_verdict_back(tmp_path: Path) -> None:
    made = folder(tmp_path, residual(3))
    made.run["edited"] = ["graph.json"]
    page = "".join(Page(render(made.report())).text)
    assert "Changed by hand since they were delivered: graph.json." in page
    assert "edited since" in page


def test_weights_that_are_no_numbers_are_pointed_out(tmp_path: Path) -> None:
    graph = residual(3)
    ((name, array),) = graph.weights.items()
    array = array.copy()
    array[0, 0] = np.nan
    array[1, 0, 0, 0] = np.inf
    page = "".join(Page(render(folder(tmp_path, replace(graph, weights={name: array})).report())).text)
    assert "9 NaN, 1 infinity" in page


@pytest.mark.parametrize("name", ["script.js", "tables.js"])
def test_a_script_is_short(name: str) -> None:
    script = resources.files("pipeline.report") / "templates" / name
    text = script.read_text()
    assert len(text.splitlines()) < 300
    assert "innerHTML" not in text


def test_templates_are_read_only_when_a_report_is_made() -> None:
    code = (
        "import sys; import pipeline.cli.app; print([m for m in ('jinja2', 'markupsafe', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-1.5e-9, "−1.5e−9"), (123456.0, "1.23e5"), (float("inf"), "∞"), (float("nan"), "NaN"), (None, "–")],  # noqa: RUF001
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert words.number(value) == text


def test_a_long_name_keeps_both_ends() -> None:
    assert words.short("abcdefghij", 5) == "ab…ij"
    assert words.short("abc", 5) == "abc"


def test_what_nobody_sees_is_spelled_out() -> None:
    assert words.shown("a\ud800\u200b\x00é\n") == "a\\ud800\\u200b\\u0000é\n"
