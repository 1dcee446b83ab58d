"""The page of a run in a real Chromium. The tests are skipped if there is none."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.report.render import render
from tests.report.contrasts import CONTRASTS
from tests.report.runs import HOSTILE, folder, residual, resnet

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LAYERS = 150


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(folder(path.parent, residual(LAYERS)).report()), encoding="utf-8")
    return path


@pytest.fixture
def page(folded: Page) -> Page:
    """Open the report, and unfold its network."""
    folded.get_by_role("button", name="Unfold").click()
    return folded


@pytest.fixture
def folded(browser: Browser, file: Path) -> Iterator[Page]:
    """Open the report; at the end nothing may have been asked of a network, and nothing gone wrong."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        opened = context.new_page()
        asked: list[str] = []
        problems: list[str] = []
        opened.on("request", lambda request: asked.append(request.url))
        opened.on("console", lambda message: problems.append(message.text))
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.goto(file.as_uri())
        yield opened
        assert asked == [file.as_uri()]
        assert problems == []


def test_a_network_of_150_layers_takes_less_than_3_megabytes(file: Path) -> None:
    assert file.read_text().count('id="node-') == LAYERS + 1
    assert file.stat().st_size < 3_000_000


def test_clicking_a_layer_shows_its_shape_attributes_source_weights_and_parity(page: Page) -> None:
    page.get_by_role("link", name="Conv features.2, ").click()
    details = page.get_by_role("complementary", name="Details of a layer")
    article = details.get_by_role("article")
    assert article.get_by_role("heading", level=3).inner_text() == "Conv features.2"
    assert article.locator("dd.shape").inner_text() == "1 × 4 × 16 × 16 float32"  # noqa: RUF001
    said = article.inner_text()
    assert "kernel_shape\n3, 3" in said.replace("\t", "\n")
    assert "nn.Layer" in said
    assert "features.2_weight" in said
    assert "OpenCV 4.9, caffe\t2e−7" in said  # noqa: RUF001
    assert page.locator("#whole .node.chosen").count() == 1


def test_the_graph_is_gone_through_with_the_keyboard_alone(page: Page) -> None:
    page.locator("#fold").focus()
    page.keyboard.press("Tab")
    chosen = page.locator(":focus")
    assert chosen.get_attribute("id") == "node-0"
    page.keyboard.press("ArrowDown")
    assert chosen.get_attribute("id") == "node-1"
    page.keyboard.press("Enter")
    assert chosen.get_attribute("id") == "layer-1"
    assert page.get_by_role("article").is_visible()
    page.keyboard.press("Escape")
    assert chosen.get_attribute("id") == "node-1"
    assert page.get_by_role("article").count() == 0
    page.keyboard.press("End")
    assert chosen.get_attribute("id") == f"node-{LAYERS}"
    assert page.locator(f"#node-{LAYERS} .box").is_visible()
    frame, box = page.locator("#viewport").bounding_box(), chosen.bounding_box()
    assert frame is not None
    assert box is not None
    assert frame["y"] <= box["y"] <= frame["y"] + frame["height"]
    page.keyboard.press("ArrowUp")
    assert chosen.get_attribute("id") == f"node-{LAYERS - 1}"


def test_tab_comes_to_the_graph_once(page: Page) -> None:
    assert page.locator("#whole .node[tabindex='0']").count() == 1
    page.locator("#node-0").focus()
    page.keyboard.press("Tab")
    assert page.locator(":focus").evaluate("e => !e.closest('#whole')")


def test_the_first_tab_stop_skips_to_the_content(folded: Page) -> None:
    folded.keyboard.press("Tab")
    assert folded.locator(":focus").inner_text() == "Skip to content"
    folded.keyboard.press("Enter")
    assert folded.locator(":focus").get_attribute("id") == "main"


def test_zooming_changes_the_size_and_says_so(page: Page) -> None:
    def width() -> float:
        return float(page.locator("#whole").evaluate("e => e.getBoundingClientRect().width"))

    page.get_by_role("button", name="100 %").click()
    before = width()
    page.get_by_role("button", name="Zoom in").click()
    assert width() == pytest.approx(1.25 * before, rel=0.01)
    assert page.locator("#zoom").inner_text() == "125 %"
    page.get_by_role("button", name="Fit").click()
    frame = page.locator("#viewport").bounding_box()
    assert frame is not None
    assert page.locator("#whole").evaluate("e => e.getBoundingClientRect().height") <= frame["height"]
    fitted = width()
    page.locator("#node-0").focus()
    page.keyboard.press("+")
    assert width() == pytest.approx(1.25 * fitted, rel=0.01)


def test_the_graph_is_dragged_without_choosing_a_layer(page: Page) -> None:
    page.locator("#network").scroll_into_view_if_needed()
    box = page.locator("#node-2").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] - 100, steps=4)
    page.mouse.up()
    assert page.locator("#viewport").evaluate("e => e.scrollTop") > 80
    assert page.get_by_role("article").count() == 0


def test_a_layer_is_found_by_its_name(page: Page) -> None:
    page.get_by_label("Find a layer").fill("features.77")
    page.get_by_label("Find a layer").press("Enter")
    assert page.get_by_role("article").get_by_role("heading", level=3).inner_text() == "Sum features.77"
    page.get_by_label("Find a layer").fill("nowhere")
    page.get_by_label("Find a layer").press("Enter")
    assert page.get_by_label("Find a layer").get_attribute("aria-invalid") == "true"


def test_the_plot_tells_values_leads_to_layers_and_hides_runners(page: Page) -> None:
    column = page.locator(".column").nth(2)
    column.hover(position={"x": 1, "y": 100})
    assert page.locator("#readout").inner_text().startswith("features.1: caffe read back 0; caffe2 read back 3e-08")
    column.click(position={"x": 1, "y": 100})
    assert page.get_by_role("article").get_by_role("heading", level=3).inner_text() == "Relu features.1"
    page.get_by_role("checkbox", name="caffe2 read back").uncheck()
    assert page.locator(".chart path.series").evaluate_all("all => all.map((e) => e.checkVisibility())") == [
        True,
        False,
        True,
    ]


def test_the_table_of_values_says_what_the_plot_does(page: Page) -> None:
    page.get_by_text("Table of values").click()
    table = page.get_by_role("table", name="Error of every value by runner")
    assert table.get_by_role("row").count() == LAYERS + 2
    page.locator("[data-filter=values]").fill("features.14")
    assert table.get_by_role("row").count() == 1 + 10  # 14 and 140 to 148
    table.get_by_role("link", name="features.140").click()
    assert page.locator("#layer-141").is_visible()


def test_the_accessibility_tree_has_landmarks_headings_and_names(page: Page) -> None:
    tree = page.locator("body").aria_snapshot()
    for landmark in ("banner", 'navigation "Sections"', "main", "contentinfo", 'complementary "Details of a layer"'):
        assert f"- {landmark}" in tree, landmark
    sections = (
        "The run",
        "The network",
        "Parity",
        "Weights",
        "First convolution",
        "Versions and files",
        "How to reproduce",
    )
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("heading", level=2).all_inner_texts() == list(sections)
    for name in sections:
        assert page.get_by_role("region", name=name, exact=True).count() == 1
    assert page.get_by_role("group", name=f"{LAYERS + 1} nodes").get_by_role("link").count() == LAYERS + 1
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    roles = ("link", "button", "checkbox", "searchbox", "combobox", "table", "image", "img", "region")
    shown = [node for node in nodes if not node["ignored"] and node["role"]["value"] in roles]
    assert len(shown) > LAYERS
    assert [node for node in shown if not node.get("name", {}).get("value")] == []


def test_heading_levels_are_not_skipped(page: Page) -> None:
    page.locator("#node-1").click()
    levels = page.locator("h1, h2, h3, h4").evaluate_all("all => all.map((e) => Number(e.tagName[1]))")
    assert all(after - before <= 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_is_readable_in_both_schemes(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.locator("#node-1").click()
    page.mouse.move(0, 0)
    found = page.evaluate(CONTRASTS)
    assert len(found) > 500
    assert [(round(ratio, 2), what) for ratio, what in found if ratio < 4.5] == []


def test_the_schemes_differ(page: Page) -> None:
    def background() -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    page.emulate_media(color_scheme="light")
    light = background()
    page.emulate_media(color_scheme="dark")
    assert background() != light


def test_nothing_moves_by_itself_for_those_who_asked_for_that(page: Page) -> None:
    moving = (
        "[...document.querySelectorAll('*')].filter((e) => parseFloat(getComputedStyle(e).transitionDuration)).length"
    )
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == 0
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_a_phone_shows_all_of_it_without_scrolling_sideways(browser: Browser, file: Path) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with browser.new_context(**phone, reduced_motion="reduce") as context:  # so that scrolling takes no time
        page = context.new_page()
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("button", name="Unfold").tap()
        page.locator("#node-1").tap()
        sheet = page.locator("#details").bounding_box()
        assert sheet is not None
        assert sheet["y"] + sheet["height"] == pytest.approx(844, abs=1)
        assert page.locator("#layer-1 dd.shape").is_visible()
        assert page.locator("#node-1").evaluate("node => node.getBoundingClientRect().bottom") < 322
        page.get_by_role("button", name="Close").tap()
        assert not page.locator("#layer-1").is_visible()
        small = page.locator("button:visible").evaluate_all(
            "all => all.map((e) => e.getBoundingClientRect()).filter((r) => r.width < 24 || r.height < 24).length"
        )
        assert small == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_pictures_fit_the_page(browser: Browser, file: Path, width: int, scheme: str) -> None:
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(file.as_uri())
        images = page.locator("#pictures img")
        assert images.count() == 2
        assert images.evaluate_all("all => all.every((e) => e.complete && e.naturalWidth > 0)")
        right = images.evaluate_all("all => Math.max(...all.map((e) => e.getBoundingClientRect().right))")
        assert right <= width


def test_without_scripts_a_link_still_shows_its_layer(browser: Browser, file: Path) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(file.as_uri() + "#layer-3")
        assert page.locator("#layer-3").is_visible()
        assert not page.locator("#layer-1").is_visible()


def test_an_address_with_a_layer_opens_it(browser: Browser, file: Path) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(file.as_uri() + "#layer-3")
        assert page.locator("#layer-3").is_visible()
        assert page.locator("#node-3.chosen").count() == 1


TEXTS = """() => [...document.querySelectorAll(".graph.shown text")].filter((text) => text.textContent.trim())
    .map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"""


def test_a_network_of_340_layers_is_read_at_a_glance(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(folder(tmp_path, resnet(3, 4, 23, 3)).report()), encoding="utf-8")
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        page.goto(path.as_uri())
        page.get_by_role("button", name="Fit").click()
        assert page.locator("#whole .node").count() == 343
        assert page.locator(".graph.shown .node").count() <= 40
        assert min(page.evaluate(TEXTS)) >= 9
        frame, drawn = page.locator("#viewport").bounding_box(), page.locator(".graph.shown").bounding_box()
        assert frame is not None
        assert drawn is not None
        assert (drawn["width"], drawn["height"]) <= (frame["width"], frame["height"])


def test_a_folded_box_is_unfolded_by_mouse_and_keyboard_and_folded_again(folded: Page) -> None:
    block = folded.locator(".graph.shown .block").first
    held = (block.get_attribute("data-layers") or "").split()
    block.focus()
    folded.keyboard.press("Enter")
    assert folded.locator(":focus").get_attribute("id") == f"node-{held[0]}"
    assert folded.locator(".member").count() == len(held)
    folded.get_by_role("button", name="Fold").click()
    block.click()
    assert folded.locator("#whole").is_visible()
    assert not folded.locator("#folded").is_visible()


def test_a_layer_that_is_found_while_folded_is_chosen_with_its_box(folded: Page) -> None:
    folded.get_by_label("Find a layer").fill("features.77")
    folded.get_by_label("Find a layer").press("Enter")
    assert folded.get_by_role("article").get_by_role("heading", level=3).inner_text() == "Sum features.77"
    assert folded.locator("#folded").is_visible()
    chosen = folded.locator("#folded .chosen")
    assert "78" in (chosen.get_attribute("data-layers") or "").split()


def test_hostile_names_are_text_and_nothing_else(browser: Browser, tmp_path: Path) -> None:
    made = folder(tmp_path, residual(12, HOSTILE, HOSTILE), {HOSTILE: 1.0}, HOSTILE)
    path = tmp_path / "report.html"
    path.write_text(render(made.report()), encoding="utf-8")
    with browser.new_context() as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.locator("#node-2").click()
        assert "onerror" in page.locator("#layer-2 h3").inner_text()
        assert page.locator("img:not([src^='data:image/png;base64,'])").count() == 0
        assert page.title().startswith("</script>")
        assert asked == [path.as_uri()]
