"""The page of several runs in a real Chromium. The tests are skipped if there is none."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.report.render import render_zoo
from pipeline.report.zoo import row
from tests.report.contrasts import CONTRASTS
from tests.report.runs import folder, residual

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the page over a thousand runs, of which one has failed, one has a long name, and none has a page."""
    good = row(folder(tmp_path_factory.mktemp("good"), residual(3)).report(), "m/report.html", "m")
    rows = [
        replace(good, model=f"model-{i}", seconds=1000.0 - i, worst=1e-9 * i, worker=f"node{i % 7}:{i}")
        for i in range(998)
    ]
    failed = replace(good, model="failed", tone="bad", result="Failed", seconds=0.1, worst=None, why="no shape")
    long = replace(good, model="a_network_with_quite_a_long_name_to_fold", worst=float("inf"))
    path = tmp_path_factory.mktemp("zoo") / "zoo.html"
    path.write_text(render_zoo([failed, long, *rows]), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_the_page_over_several_shows_all_of_it_readably(browser: Browser, zoo: Path, width: int, scheme: str) -> None:
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(zoo.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".scroll").evaluate("e => e.scrollWidth <= e.clientWidth")
        assert [what for ratio, what in page.evaluate(CONTRASTS) if ratio < 4.5] == []
        assert page.locator("tbody tr").count() == 1000


def test_a_thousand_runs_are_sorted_at_once_by_click_and_by_key(browser: Browser, zoo: Path) -> None:
    assert zoo.stat().st_size < 1_000_000
    with browser.new_context() as context:
        page = context.new_page()
        began = time.monotonic()
        page.goto(zoo.as_uri())
        page.get_by_role("button", name="Time").click()
        assert _first(page, 2) == ["failed", "model-997"]
        assert time.monotonic() - began < 5
        assert page.get_by_role("columnheader", name="Time").get_attribute("aria-sort") == "ascending"
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        assert _first(page, 2) == ["a_network_with_quite_a_long_name_to_fold", "model-997"]
        assert page.locator("[aria-sort]").all_inner_texts() == ["Worst error"]
        page.get_by_role("button", name="Model").click()
        assert _first(page, 4)[1:] == ["failed", "model-0", "model-1"]
        page.get_by_label("Show only").fill("node3:10")
        assert _first(page, 4) == ["model-10", "model-101", "model-108"]


def test_the_page_over_several_is_a_plain_table_without_scripts(browser: Browser, zoo: Path) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(zoo.as_uri())
        assert _first(page, 3) == ["failed", "a_network_with_quite_a_long_name_to_fold", "model-0"]
        assert page.get_by_role("button").count() == 0
        assert page.get_by_role("link", name="model-0").get_attribute("href") == "m/report.html"


def _first(page: Page, count: int) -> list[str]:
    return page.get_by_role("rowheader").all_inner_texts()[:count]
