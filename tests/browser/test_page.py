import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from ukraine_stance.evaluation.behaviour import PACKAGED, read_suites

# Each text node that can be seen, with its colour and the backgrounds under it, as Chromium computes them.
_SEEN_TEXTS = """
const seen = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const text = walker.currentNode.data.trim();
  if (!text || ["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(element.tagName)) continue;
  if (!element.checkVisibility()) continue;
  const backgrounds = [];
  for (let at = element; at; at = at.parentElement) backgrounds.push(getComputedStyle(at).backgroundColor);
  const style = getComputedStyle(element);
  const colour = element instanceof SVGElement ? style.fill : style.color;
  seen.push([Array.from(text).slice(0, 40).join(""), colour, backgrounds]);
}
return seen;
"""


@pytest.fixture
def browser(chromium: Chrome) -> Iterator[Chrome]:
    """The browser with a desktop window, light colours, scripts on, and empty logs."""
    set_window(chromium, 1280)
    set_media(chromium)
    chromium.get_log("browser")
    chromium.get_log("performance")
    yield chromium
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def set_window(browser: Chrome, width: int) -> None:
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def set_media(browser: Chrome, scheme: str = "light") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def open_page(browser: Chrome, page: Path) -> None:
    """The page with its whole list of statements."""
    browser.get(page.as_uri())
    more = browser.find_element(By.ID, "more")
    if more.is_displayed():
        more.click()


def shown_rows(browser: Chrome) -> list[Any]:
    """Statements that can be seen: id, gold, part, and each model's stance, confidence and whether it is wrong."""
    script = """
    return [...document.querySelectorAll("#statements tbody tr")].filter((row) => row.checkVisibility()).map((row) => ({
      id: row.cells[0].textContent.trim(), part: row.cells[1].textContent.trim(), gold: row.dataset.gold,
      text: row.querySelector(".text").textContent,
      answers: [...row.querySelectorAll(".answer")].map((cell) => ({
        stance: cell.dataset.stance, confidence: Number(cell.dataset.value), wrong: cell.classList.contains("wrong"),
      })),
    }));
    """
    return list(browser.execute_script(script))


def choose(browser: Chrome, **fields: str) -> None:
    for name, value in fields.items():
        Select(browser.find_element(By.NAME, name)).select_by_value(value)


def test_it_opens_without_an_error_and_without_any_request(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    browser.find_element(By.LINK_TEXT, "Statements").click()
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"}
    assert {url.split("#")[0] for url in asked if not url.startswith("data:")} == {two_models.as_uri()}


def test_no_text_of_a_statement_runs_or_breaks_the_page(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    texts = [row["text"].strip() for row in shown_rows(browser)]
    assert any(text.startswith("<script>window.broken") for text in texts)
    assert browser.execute_script("return window.broken === undefined && document.scripts.length === 1")


def test_the_content_policy_stops_a_script_that_comes_later(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    insert = "const s = document.createElement('script'); s.textContent = 'window.broken = 1'; document.body.append(s);"
    browser.execute_script(insert)
    assert browser.execute_script("return window.broken") is None
    assert any("Content Security Policy" in entry["message"] for entry in browser.get_log("browser"))


def test_the_most_confident_mistakes_come_first(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    rows = shown_rows(browser)
    sure = [max((a["confidence"] for a in row["answers"] if a["wrong"]), default=-1) for row in rows]
    assert sure[0] > 0.6 and sure[-1] == -1
    assert sure == sorted(sure, reverse=True)


@pytest.mark.parametrize("name", ["part", "gold", "predicted", "outcome"])
def test_each_filter_shows_exactly_the_rows_that_it_names(browser: Chrome, two_models: Path, name: str) -> None:
    open_page(browser, two_models)
    rows = shown_rows(browser)
    value = {"part": "articles", "gold": "favor", "predicted": "against", "outcome": "wrong"}[name]

    def wanted(row: Any) -> bool:
        if name in ("part", "gold"):
            return bool(row[name] == value)
        return any(a["stance"] == value if name == "predicted" else a["wrong"] for a in row["answers"])

    choose(browser, **{name: value})
    expected = [row["id"] for row in rows if wanted(row)]
    assert 0 < len(expected) < len(rows)
    assert [row["id"] for row in shown_rows(browser)] == expected
    assert browser.find_element(By.ID, "count").text == f"{len(expected)} of {len(rows)} statements"


def test_model_prediction_and_outcome_are_asked_of_one_and_the_same_answer(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    rows = shown_rows(browser)
    choose(browser, model="1", predicted="neutral", outcome="wrong")
    chosen = [row["answers"][1] for row in shown_rows(browser)]
    assert chosen and all(answer["stance"] == "neutral" and answer["wrong"] for answer in chosen)
    choose(browser, model="")
    both = [r["id"] for r in rows if any(a["stance"] == "neutral" and a["wrong"] for a in r["answers"])]
    assert [row["id"] for row in shown_rows(browser)] == both


def test_words_are_found_in_texts_and_ids_also_behind_a_shortened_beginning(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    everything = len(shown_rows(browser))
    field = browser.find_element(By.NAME, "words")
    field.send_keys("the VERY last words")
    assert [row["id"] for row in shown_rows(browser)] == ["odd-long"]
    field.clear()
    field.send_keys("odd-rtl")
    assert [row["id"] for row in shown_rows(browser)] == ["odd-rtl"]
    field.send_keys("nowhere")
    assert shown_rows(browser) == []
    assert browser.find_element(By.ID, "count").text == "No statement matches these filters."
    browser.find_element(By.ID, "clear").click()
    assert len(shown_rows(browser)) == everything


def test_a_header_sorts_both_ways_and_says_so(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    head = browser.find_elements(By.CSS_SELECTOR, "#statements thead th")[-1]
    for direction, falling in (("descending", True), ("ascending", False)):
        head.find_element(By.TAG_NAME, "button").click()
        assert head.get_attribute("aria-sort") == direction
        sure = [row["answers"][1]["confidence"] for row in shown_rows(browser)]
        assert sure == sorted(sure, reverse=falling) and len(set(sure)) > 9
    browser.find_element(By.CSS_SELECTOR, "#statements thead button").click()
    sorted_by = browser.find_elements(By.CSS_SELECTOR, "#statements [aria-sort]")
    assert [(head.text.split()[0], head.get_attribute("aria-sort")) for head in sorted_by] == [("id", "ascending")]


def test_the_order_field_sorts_too_and_goes_back_to_mistakes_first(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    before = [row["id"] for row in shown_rows(browser)]
    choose(browser, order="0")
    ids = [row["id"] for row in shown_rows(browser)]
    assert ids[0].startswith("a-000") and ids[-1].startswith("t-044") and sorted(ids) == sorted(before)
    choose(browser, order="")
    assert [row["id"] for row in shown_rows(browser)] == before


def test_undefined_figures_stay_last_in_both_directions(browser: Chrome, one_model: Path) -> None:
    open_page(browser, one_model)
    head = browser.find_element(By.CSS_SELECTOR, "#metrics ~ .beside th.number button")
    for _ in range(2):
        head.click()
        cells = [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, "#metrics ~ .beside td")]
        undefined = [cell == "undefined" for cell in cells]
        assert any(undefined) and undefined == sorted(undefined)
        figures = [float(cell.split()[0]) for cell in cells if cell != "undefined"]
        assert figures in (sorted(figures), sorted(figures, reverse=True)) and len(set(figures)) > 3


def test_every_failed_case_can_be_opened_and_read(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    suites = browser.find_elements(By.CSS_SELECTOR, "section[aria-labelledby=behaviour] details")
    assert len(suites) == len(read_suites(PACKAGED))
    negation = next(one for one in suites if one.find_element(By.TAG_NAME, "summary").text.startswith("negation"))
    items = negation.find_elements(By.TAG_NAME, "li")
    assert items and not items[0].is_displayed()
    negation.find_element(By.TAG_NAME, "summary").click()
    assert items[0].is_displayed() and "neutral, not " in items[0].text


def test_calibration_and_abstention_show_their_plots_and_open_their_bins(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    browser.find_element(By.LINK_TEXT, "Calibration and abstention").click()
    section = browser.find_element(By.CSS_SELECTOR, "section[aria-labelledby=confidence]")
    shown = [plot for plot in section.find_elements(By.CSS_SELECTOR, "svg") if plot.is_displayed()]
    assert len(shown) == 4 and all(plot.size["height"] > 250 for plot in shown)
    bins = section.find_elements(By.TAG_NAME, "details")[1]
    bins.find_element(By.TAG_NAME, "summary").click()
    counts = [int(cell.text) for cell in bins.find_elements(By.CSS_SELECTOR, "tbody td:nth-child(2)")]
    statements = len([row for row in shown_rows(browser) if row["part"] == "test"])
    assert len(counts) > 10 and sum(counts) == 2 * statements
    band = section.find_element(By.CSS_SELECTOR, ".band path")
    assert float(band.find_element(By.XPATH, "..").value_of_css_property("opacity")) < 0.3
    assert browser.get_log("browser") == []


def test_a_slice_can_be_opened_and_sorted(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    by_label = browser.find_elements(By.CSS_SELECTOR, "section[aria-labelledby=slices] details")[1]
    by_label.find_element(By.TAG_NAME, "summary").click()
    names = [cell.text for cell in by_label.find_elements(By.CSS_SELECTOR, "tbody th")]
    assert sorted(names) == ["against", "favor", "neutral"]
    by_label.find_element(By.CSS_SELECTOR, "thead th button").click()
    assert [cell.text for cell in by_label.find_elements(By.CSS_SELECTOR, "tbody th")] == sorted(names)


def test_a_long_text_opens_without_script_and_nothing_else_is_lost(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    everything = len(shown_rows(browser))
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    open_page(browser, two_models)
    assert not browser.find_element(By.ID, "filters").is_displayed()
    assert browser.find_element(By.CSS_SELECTOR, "noscript p").is_displayed()
    assert len(browser.find_elements(By.CSS_SELECTOR, "#statements tbody tr")) == everything
    browser.find_element(By.CSS_SELECTOR, "#statements summary").click()
    assert browser.find_element(By.CSS_SELECTOR, "#statements details > div").text.endswith("The very last words.")


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("page", ["one_model", "two_models"])
def test_no_width_makes_the_page_scroll_sideways(
    browser: Chrome, request: pytest.FixtureRequest, page: str, width: int
) -> None:
    set_window(browser, width)
    open_page(browser, request.getfixturevalue(page))
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    outside = """
    return [...document.querySelectorAll("body *")].filter((element) => element.checkVisibility()
      && !element.closest(".wide") && element.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML);
    """
    assert browser.execute_script(outside) == []


def test_on_a_phone_a_statement_is_readable_without_scrolling(browser: Chrome, two_models: Path) -> None:
    set_window(browser, 360)
    open_page(browser, two_models)
    wide = "const box = document.getElementById('statements').parentElement; return box.scrollWidth - box.clientWidth"
    assert browser.execute_script(wide) <= 0
    label = "return getComputedStyle(document.querySelector('#statements td.answer'), '::before').content"
    assert "tfidf-words" in browser.execute_script(label)
    smallest = min(browser.execute_script(
        "return [...document.querySelectorAll('svg text')].map((text) => text.getBoundingClientRect().height)"
    ))  # fmt: skip
    assert smallest > 12


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", ["one_model", "two_models"])
def test_every_text_stands_out_from_its_background(
    browser: Chrome, request: pytest.FixtureRequest, page: str, scheme: str
) -> None:
    set_media(browser, scheme)
    open_page(browser, request.getfixturevalue(page))
    canvas = (255.0, 255.0, 255.0) if scheme == "light" else (18.0, 18.0, 18.0)
    seen = browser.execute_script(_SEEN_TEXTS)
    assert len(seen) > 300
    grounds = {over(backgrounds, canvas) for _, _, backgrounds in seen}
    assert (max(map(luminance, grounds)) < 0.2) == (scheme == "dark")
    weak = [(text, colour, ratio) for text, colour, stack in seen if (ratio := contrast(colour, stack, canvas)) < 4.5]
    assert weak == []


def test_a_printed_page_has_light_colours_repeated_headers_and_no_form(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": features})
    assert browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not browser.find_element(By.ID, "filters").is_displayed()
    # Chromium leaves form controls out of headers that it repeats.
    buttons = browser.find_elements(By.CSS_SELECTOR, "#statements th button")
    assert buttons and {button.value_of_css_property("display") for button in buttons} == {"contents"}


def test_paper_shows_what_is_folded_on_the_screen(browser: Chrome, two_models: Path) -> None:
    open_page(browser, two_models)
    closed = "return document.querySelectorAll('details:not([open])').length"
    folded = browser.execute_script(closed)
    browser.execute_script(
        "const closed = () => [...document.querySelectorAll('details:not([open])')];"
        "window.addEventListener('beforeprint', () => {"
        " window.left = closed().filter((one) => !one.closest('#statements')).length; })"
    )
    browser.execute_cdp_cmd("Page.printToPDF", {})
    assert browser.execute_script("return window.left") == 0
    assert browser.execute_script(closed) == folded > 0


def test_a_long_list_shows_its_beginning_and_the_rest_on_demand(browser: Chrome, two_models: Path) -> None:
    browser.get(two_models.as_uri())
    beginning = [row["id"] for row in shown_rows(browser)]
    count, more = browser.find_element(By.ID, "count"), browser.find_element(By.ID, "more")
    assert len(beginning) == 200 and count.text.endswith("statements, the first 200 shown")
    choose(browser, outcome="wrong")
    assert all(any(answer["wrong"] for answer in row["answers"]) for row in shown_rows(browser))
    browser.find_element(By.ID, "clear").click()
    assert [row["id"] for row in shown_rows(browser)] == beginning
    hidden = int(more.text.removeprefix("Show the other "))
    more.click()
    whole = [row["id"] for row in shown_rows(browser)]
    assert whole[:200] == beginning and len(whole) == 200 + hidden and not more.is_displayed()


def channels(colour: str) -> tuple[float, float, float, float]:
    numbers = [float(number) for number in re.findall(r"[\d.]+", colour)]
    assert colour.startswith("rgb") and len(numbers) in (3, 4), colour
    return (*numbers[:3], numbers[3] if len(numbers) == 4 else 1.0)


def over(backgrounds: list[str], canvas: tuple[float, ...]) -> tuple[float, ...]:
    """The colour that lies under a text: the backgrounds, innermost first, upon the canvas."""
    ground = canvas
    for colour in reversed(backgrounds):
        *front, alpha = channels(colour)
        ground = tuple(alpha * top + (1 - alpha) * below for top, below in zip(front, ground, strict=True))
    return ground


def luminance(colour: tuple[float, ...]) -> float:
    """Relative luminance of WCAG 2.2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(colour: str, backgrounds: list[str], canvas: tuple[float, ...]) -> float:
    """Contrast ratio of WCAG 2.2 between a text and what lies under it."""
    ground = over(backgrounds, canvas)
    text = over([colour], ground)
    light, dark = sorted((luminance(text), luminance(ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
