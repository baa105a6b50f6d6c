"""``report.html`` of a run with losses and trainings, in Chromium."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from .browsing import IN_A_BROWSER, number_of, open_afresh, opened

pytestmark = IN_A_BROWSER


@pytest.fixture
def trained_page(browser, trained_folder):
    """The report of all three kinds, freshly opened."""
    open_afresh(browser, trained_folder / "report.html")
    yield browser
    assert browser.get_log("browser") == []
    assert browser.execute_script("return window.broken === undefined")


def test_a_step_is_shown_with_its_gradients(trained_page, trained):
    body = opened(trained_page, number_of(trained, "step[norm=l2]"))
    heads = [head.text for head in body.find_elements(By.TAG_NAME, "h4")]
    assert heads == [
        "What each subject really used",
        "Losses of the step",
        "Comparisons",
        "Gradients by weight: distance, and cosine",
    ]
    assert "00-kernel" in body.text
    assert "nsl through its wrapper's own call: clean " in body.text
    assert "1.000 * clean + 0.200 * adversarial" in body.text


@pytest.mark.parametrize(("scheme", "paper"), [("light", [255, 255, 255]), ("dark", [27, 31, 35])])
def test_curves_are_drawn_when_they_are_asked_for_in_the_colours_of_the_theme(trained_page, trained, scheme, paper):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    trained_page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        assert not trained_page.find_elements(By.TAG_NAME, "img")
        body = opened(trained_page, number_of(trained, "apart"))
        image = body.find_element(By.CSS_SELECTOR, "img.curves")
        WebDriverWait(trained_page, 5).until(lambda _: image.get_property("naturalWidth") > 0)
        assert "Accuracy of nsl at the end" in image.get_attribute("alt")
        script = """
            const shown = arguments[0];
            const copy = new OffscreenCanvas(shown.naturalWidth, shown.naturalHeight).getContext("2d");
            copy.drawImage(shown, 0, 0);
            const seen = copy.getImageData(0, 0, shown.naturalWidth, shown.naturalHeight).data;
            const kinds = new Set();
            for (let place = 0; place < seen.length; place += 4) kinds.add(seen.slice(place, place + 3).join());
            return [[...seen.slice(0, 3)], kinds.size];
        """
        corner, kinds = trained_page.execute_script(script, image)
    finally:
        trained_page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert corner == paper
    assert kinds > 50


def test_answers_over_seeds_and_what_sets_the_libraries_apart_are_shown(trained_page, trained, case_of):
    body = opened(trained_page, number_of(trained, "apart"))
    assert "Equivalence over the seeds" in body.text
    assert "-24.67" in body.text
    assert "labels given (default) against predicted (default)" in body.text
    overflowing = opened(trained_page, number_of(trained, "overflowing"))
    assert "2, 2" in overflowing.text


@pytest.mark.parametrize("width", [360, 1400])
def test_curves_do_not_stick_out(trained_page, trained, width):
    opened(trained_page, number_of(trained, "apart"))
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    trained_page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert trained_page.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        trained_page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_hostile_trainings_are_inert(trained_page, trained):
    body = opened(trained_page, number_of(trained, "hostile"))
    (image,) = body.find_elements(By.TAG_NAME, "img")
    assert image.get_attribute("class") == "curves"
    assert not body.find_elements(By.TAG_NAME, "script")
