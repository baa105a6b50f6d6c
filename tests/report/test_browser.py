"""``report.html`` in Chromium: what a reader does, and what must not happen."""

import json
import re

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from harness.bench.browser import opening_seconds
from harness.bench.waiting import OPENS
from harness.report.text import printable

from .browsing import IN_A_BROWSER, case, click, number_of, open_afresh, opened

pytestmark = IN_A_BROWSER


@pytest.fixture
def page(browser, folder):
    """The report, freshly opened. Whatever a test does with it, the console stays empty and nothing is sent for."""
    browser.get_log("performance")
    open_afresh(browser, folder / "report.html")
    yield browser
    assert browser.get_log("browser") == []
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    assert [url for url in sent if not url.startswith(("file:", "data:", "about:"))] == []
    assert browser.execute_script("return window.broken === undefined")


def shown(page):
    """Numbers of the cases that are in view."""
    elements = page.find_elements(By.CSS_SELECTOR, ".case")
    return [int(one.get_attribute("data-case")) for one in elements if one.is_displayed()]


def found(page):
    return page.find_element(By.CSS_SELECTOR, "output").text


def toggle(page, value):
    click(page, f'.toggle:has(input[value="{value}"])')


def test_everything_is_shown_at_first(page, run):
    assert shown(page) == list(range(len(run.cases)))
    assert found(page) == "7 of 7 cases, 19 of 19 comparisons"


def test_a_click_on_the_matrix_shows_the_cases_of_the_pair(page, run):
    click(page, '.cell[data-pair="1"]')  # nsl | reference-float64
    assert found(page) == "6 of 7 cases, 6 of 19 comparisons"
    assert number_of(run, "hostile") not in shown(page)
    assert page.find_element(By.CSS_SELECTOR, '.cell[data-pair="1"]').get_attribute("aria-pressed") == "true"
    page.find_element(By.NAME, "unpair").click()
    assert len(shown(page)) == len(run.cases)


def test_filters_narrow_together(page, run):
    toggle(page, "DIVERGED")
    assert shown(page) == [number_of(run, "default-labels")]
    assert found(page) == "1 of 7 cases, 2 of 19 comparisons"
    toggle(page, "CLOSE")
    assert "10 of 19 comparisons" in found(page)
    toggle(page, "unexpected")
    assert shown(page) == [number_of(run, "alike[norm=linf]")]
    click(page, 'button[type="reset"]')
    WebDriverWait(page, 5).until(lambda _: len(shown(page)) == len(run.cases))


def test_text_tag_and_subject_are_filters_too(page, run):
    text = page.find_element(By.NAME, "text")
    text.send_keys("configured L2")
    assert shown(page) == [number_of(run, "alike[norm=l2]")]
    text.clear()
    text.send_keys("has no default epsilon")  # a reason
    assert shown(page) == [number_of(run, "defaults")]
    text.send_keys(Keys.CONTROL, "a")
    text.send_keys("nothing has this in it")
    assert shown(page) == []
    assert page.find_element(By.CSS_SELECTOR, ".nothing").is_displayed()
    text.send_keys(Keys.CONTROL, "a", Keys.DELETE)
    page.find_element(By.CSS_SELECTOR, 'select[name="tag"]').send_keys("labels")
    assert shown(page) == [number_of(run, "default-labels")]
    page.find_element(By.CSS_SELECTOR, 'select[name="subject"]').send_keys("reference")
    assert found(page) == "1 of 7 cases, 2 of 19 comparisons"


def test_the_address_keeps_the_filter(page, run, folder):
    toggle(page, "DIVERGED")
    address = page.current_url
    assert "verdict=DIVERGED" in address
    page.get("about:blank")
    page.get(address)
    assert shown(page) == [number_of(run, "default-labels")]


def test_the_details_of_a_case(page, run, find):
    record = find("default-labels")
    body = opened(page, number_of(run, "default-labels"))
    for digest in record.identity.values():
        assert digest in body.text
    labels = next(row for row in body.find_elements(By.TAG_NAME, "tr") if row.text.startswith("labels"))
    assert labels.text.split() == ["labels", "given", "default", "predicted", "default", "given", "default"]
    assert "differs" in labels.get_attribute("class")
    for comparison in record.comparisons:
        assert comparison.sentence in body.text
    assert "0.1 / 0.1 / 0.1" in body.text
    assert "= 1 epsilon" in body.text


def test_reasons_of_subjects_that_failed(page, run, find):
    body = opened(page, number_of(run, "refused"))
    for outcome in find("refused").outcomes:
        assert printable(outcome.reason) in body.text


def colours(page, canvas):
    script = """
        const shown = arguments[0];
        const copy = new OffscreenCanvas(shown.width, shown.height).getContext("2d", { willReadFrequently: true });
        copy.drawImage(shown, 0, 0);
        return [...copy.getImageData(0, 0, shown.width, shown.height).data];
    """
    return page.execute_script(script, canvas)


def test_pictures_are_drawn(page, run):
    body = opened(page, number_of(run, "default-labels"))
    canvases = body.find_elements(By.TAG_NAME, "canvas")
    assert len(canvases) == 4 * (1 + 2 * 3 + 3)
    labels = [one.get_attribute("aria-label") for one in canvases]
    assert re.fullmatch(r"input, example \d, label \d", labels[0])
    perturbation = canvases[[label.startswith("perturbation nsl") for label in labels].index(True)]
    WebDriverWait(page, 5).until(lambda _: any(colours(page, perturbation)))
    seen = colours(page, perturbation)
    kinds = {tuple(seen[start : start + 3]) for start in range(0, len(seen), 4)}
    assert kinds == {(5, 48, 97), (103, 0, 31)}  # linf: every pixel at one end of the scale or the other
    assert perturbation.value_of_css_property("image-rendering") == "pixelated"


def test_a_link_opens_its_case_even_if_it_is_filtered_out(page, run):
    toggle(page, "DIVERGED")
    link = page.find_element(By.CSS_SELECTOR, ".findings .case-link")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", link)
    link.click()
    number = number_of(run, "alike[norm=linf]")
    WebDriverWait(page, 5).until(lambda _: case(page, number).get_attribute("open"))
    assert case(page, number).is_displayed()
    assert page.switch_to.active_element == case(page, number).find_element(By.TAG_NAME, "summary")


def test_a_known_difference_leads_to_the_cases_that_show_it(page, run):
    link = page.find_element(By.CSS_SELECTOR, ".known a")
    assert link.text == "1 case"
    link.click()
    WebDriverWait(page, 5).until(lambda _: shown(page) == [number_of(run, "default-labels")])
    assert found(page) == "1 of 7 cases, 1 of 19 comparisons"
    assert page.find_element(By.CSS_SELECTOR, '.cell[data-pair="0"]').get_attribute("aria-pressed") == "true"


def test_the_keyboard_is_enough(page, run):
    cell = page.find_element(By.CSS_SELECTOR, '.cell[data-pair="0"]')
    cell.send_keys(Keys.ENTER)
    assert "7 of 19 comparisons" in found(page)
    summary = case(page, number_of(run, "tabular")).find_element(By.TAG_NAME, "summary")
    summary.send_keys(Keys.ENTER)
    WebDriverWait(page, 5).until(lambda _: case(page, number_of(run, "tabular")).get_attribute("open"))
    toggled = page.find_element(By.CSS_SELECTOR, 'input[value="CLOSE"]')
    toggled.send_keys(Keys.SPACE)
    assert toggled.is_selected()


def test_hostile_names_are_inert_and_can_be_found(page, run):
    number = number_of(run, "hostile")
    body = opened(page, number)
    assert "window.broken = true" in case(page, number).text
    assert not body.find_elements(By.CSS_SELECTOR, "img, script")
    link = page.find_elements(By.CSS_SELECTOR, ".findings .case-link")[1]
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", link)
    link.click()
    WebDriverWait(page, 5).until(lambda _: page.switch_to.active_element.tag_name == "summary")
    assert "window.broken" in page.switch_to.active_element.text


@pytest.mark.parametrize("width", [360, 800, 1400])
def test_nothing_sticks_out_at_any_width(page, run, width):
    opened(page, number_of(run, "default-labels"))
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def luminance(colour):
    channels = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough_in_both_schemes(page, run, scheme):
    """WCAG 2.2, success criterion 1.4.3: at least 4.5 to 1."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    opened(page, number_of(run, "default-labels"))
    script = """
        const opaque = (element) => {
          for (let one = element; one; one = one.parentElement) {
            const colour = getComputedStyle(one).backgroundColor;
            if (!colour.endsWith(", 0)")) return colour;
          }
        };
        const wanted = "h1, h2, p, .tag, .swatch, .cell strong, .counts i, .cell em, .strip i, .note, dt, dd, th, td";
        return [...document.querySelectorAll(wanted)].filter((one) => one.textContent.trim() && one.offsetParent)
          .map((one) => [one.textContent.trim().slice(0, 30), getComputedStyle(one).color, opaque(one)]);
    """
    try:
        pairs = page.execute_script(script)
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert len(pairs) > 100
    low = []
    for text, front, back in pairs:
        darker, lighter = sorted((luminance(front), luminance(back)))
        if (lighter + 0.05) / (darker + 0.05) < 4.5:
            low.append((text, front, back))
    assert low == []


def test_it_opens_at_once(page):
    assert opening_seconds(page) < OPENS


def test_without_a_script_headline_matrix_and_table_can_be_read(browser, folder):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get("about:blank")
        browser.get((folder / "report.html").as_uri())
        text = browser.find_element(By.TAG_NAME, "main").text
        assert "Not as expected" in text
        assert "default-labels" in text
        assert "3 unstated" in text
        assert "need JavaScript" in text
        assert browser.find_element(By.TAG_NAME, "h1").text == "2 of 4 comparisons are not as expected."
        assert browser.find_element(By.CSS_SELECTOR, ".matrix").is_displayed()
        assert not browser.find_element(By.CSS_SELECTOR, ".filters").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
