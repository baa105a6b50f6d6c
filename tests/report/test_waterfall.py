"""How one side becomes the other, setting by setting, of runs of the real libraries."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from harness.engine.record import load_run
from harness.engine.run import Options
from harness.explain.explaining import execute_explained
from harness.report.causes import causes_found
from harness.report.filmstrips import Filmstrips
from harness.report.html import html
from harness.report.text import printable
from harness.report.waterfall import waterfall
from harness.report.write import save_with_reports
from harness.vocabulary import Verdict

from .browsing import IN_A_BROWSER, open_afresh, opened
from .conftest import DIGITS, DIGITS_MODEL, HOSTILE
from .test_html import Page
from .test_pictures import decoded

PAIR = ("nsl", "cleverhans-v3")


@pytest.fixture(scope="module")
def explained_folder(make_case, tmp_path_factory):
    cases = [
        make_case("own-defaults", model=DIGITS_MODEL, data=DIGITS, attack={}, subjects=PAIR),
        make_case("own-labels", attack={"epsilon": 0.1, "norm": "l2"}, subjects=PAIR),
    ]
    run = execute_explained(cases, Options(store=tmp_path_factory.mktemp("store"), jobs=2), lambda event: None)
    folder = tmp_path_factory.mktemp("explained")
    save_with_reports(run, folder)
    return folder


@pytest.fixture(scope="module")
def explained(explained_folder):
    return load_run(explained_folder)


def between(run, case):
    record = next(record for record in run.cases if record.case.id == case)
    return record, record.comparisons[0]


def drawn(comparison):
    found = waterfall(comparison)
    assert found is not None
    return found


def film_of(strips):
    film = strips.of(*PAIR)
    assert film is not None
    return film


def test_each_setting_begins_where_the_one_before_ends_and_the_last_at_the_other_side(explained):
    _, comparison = between(explained, "own-defaults")
    found = drawn(comparison)
    bars = found["bars"]
    assert [one["code"] for one in bars][:2] == ["epsilon", "norm"]
    assert bars[0]["values"] == ["0.001", "0.3"]
    assert bars[0]["share"] >= bars[1]["share"]
    starts = [one["start"] for one in bars]
    ends = [one["start"] + 100 * one["share"] for one in bars]
    assert starts[0] == 0
    assert starts[1:] == pytest.approx(ends[:-1])
    assert ends[-1] == pytest.approx(100, abs=1)
    steps = {step["code"]: step["l2"] for step in comparison.metrics["bridge"]["steps"]}
    assert bars[-1]["after"]["l2"] == pytest.approx(steps[bars[-1]["code"]])
    idle = {one["code"] for one in found["idle"]}
    assert idle | {one["code"] for one in bars} == set(comparison.metrics["bridge"]["differing"])
    assert idle


def test_what_was_judged_to_be_no_divergence_has_no_waterfall(explained):
    _, comparison = between(explained, "own-defaults")
    assert waterfall(replace(comparison, verdict=Verdict.CLOSE)) is None
    assert waterfall(replace(comparison, metrics={})) is None


def test_of_a_training_it_also_says_when_it_was_measured_and_how_well_the_models_do(explained):
    _, comparison = between(explained, "own-labels")
    bridge = comparison.metrics["bridge"]
    code = next(iter(bridge["settings"]))
    settings = {code: {**bridge["settings"][code], "accuracy": {"clean": -0.07, "0.1": -0.15}}}
    training = {"step": 37, "of_steps": 40, "seeds": 3, "accuracy": {"clean": [0.66, 0.59], "0.1": [0.3, 0.15]}}
    metrics = {**comparison.metrics, "bridge": {**bridge, **training, "settings": settings}}
    found = drawn(replace(comparison, metrics=metrics))
    assert found["bars"][0]["accuracy"] == {"clean accuracy": -0.07, "accuracy at epsilon 0.1": -0.15}
    assert [found[name] for name in ("step", "steps", "seeds")] == [37, 40, 3]
    assert found["accuracies"][1] == ["accuracy at epsilon 0.1", 0.3, 0.15]


def test_the_pictures_lead_from_what_one_library_returned_to_what_the_other_did(explained):
    record, comparison = between(explained, "own-defaults")
    pictures = comparison.metrics["bridge"]["pictures"]
    left, right = (explained.adversarial(record.outcome(name))["x"][..., 0] for name in PAIR)
    apart = np.abs(left.astype(float) - right).reshape(len(left), -1).max(axis=1)
    example = pictures["example"]
    assert apart[example] == apart.max()
    stages = explained.arrays(pictures["arrays"])[pictures["inputs"]["x"]]
    assert len(stages) == 1 + len(pictures["codes"]) >= 3
    assert (stages[0] == left[example]).all()
    assert np.abs(stages[-1] - right[example]).max() < 1e-6
    # Epsilon is the first step: from 0.001 to 0.3 in NSL's own direction.
    with_epsilon, before = stages[1] - stages[0], stages[0] - explained.inputs(record)["x"][example, ..., 0]
    assert np.corrcoef(with_epsilon.ravel(), before.ravel())[0, 1] > 0.99


def test_a_filmstrip_shows_them(explained):
    record, comparison = between(explained, "own-defaults")
    strips = Filmstrips(explained, record)
    film = film_of(strips)
    (strip,) = [strips.strips[place] for place in film["strips"]]
    width, height = decoded(strip["image"]).size
    assert (width, height) == (8 * (1 + len(film["codes"])), 2 * 8)
    shown = np.asarray(decoded(strip["image"]).convert("RGB")).astype(int)
    stages = explained.arrays(comparison.metrics["bridge"]["pictures"]["arrays"])["0"]
    less, last = stages[-1] - stages[0], shown[8:, -8:]
    assert ((last[..., 0] > last[..., 2]) == (less > 1e-3)).all()
    assert (shown[8:, :8] == 247).all(), "the left side does not differ from itself"
    other, _ = between(explained, "own-labels")
    assert Filmstrips(explained, other).strips == [], "flowers are no images"


def test_missing_pictures_cost_themselves_and_not_the_report(explained, tmp_path):
    record, _ = between(explained, "own-defaults")
    assert "missing or damaged" in Filmstrips(replace(explained, folder=tmp_path), record).missing


def test_every_divergence_has_a_cause_and_the_page_says_so(explained):
    assert causes_found(explained) == "All 2 divergences have causes."
    page = Page(html(explained))
    assert "All 2 divergences have causes." in page.text
    assert "Unexplained" not in page.text
    assert causes_found(replace(explained, cases=())) == ""


def unexplained_in(run, reason):
    record, comparison = between(run, "own-labels")
    ends = {"nsl": {"verdict": "DIVERGED", "sentence": "apart", "leaves": {"step": "direction", "words": "there"}}}
    bridge = {**comparison.metrics["bridge"], "reason": reason, "ends": ends, "settings": {}, "steps": []}
    changed = replace(
        comparison,
        causes=({"code": "unexplained", "share": 1.0},),
        metrics={**comparison.metrics, "bridge": bridge},
    )
    return replace(run, cases=(run.cases[0], replace(record, comparisons=(changed,))))


def test_what_no_cause_explains_comes_first(explained):
    source = html(unexplained_in(explained, f"it leaves, {HOSTILE}"))
    page = Page(source)
    headings = [attributes["id"] for tag, attributes in page.elements if tag == "h2"]
    assert headings[0] == "unexplained"
    assert "1 of 2 divergences have causes; 1 unexplained." in page.text
    assert "the bridge leaves at direction" in page.text
    assert printable(f"it leaves, {HOSTILE}") in page.text
    assert source.count("<script") == len(page.find("script"))


@pytest.fixture
def page(browser, explained_folder):
    open_afresh(browser, explained_folder / "report.html")
    yield browser
    assert browser.get_log("browser") == []


class TestInABrowser:
    """What a reader sees."""

    pytestmark = IN_A_BROWSER

    def test_the_waterfall_is_drawn_and_can_be_read(self, page, explained):
        found = drawn(between(explained, "own-defaults")[1])
        bridge = opened(page, 0).find_element(By.CSS_SELECTOR, ".bridge")
        rows = bridge.find_elements(By.CSS_SELECTOR, "tbody tr")
        assert [row.find_element(By.TAG_NAME, "th").text for row in rows] == [one["code"] for one in found["bars"]]
        assert "epsilon 0.001 0.3" in rows[0].text.replace("\n", " ")
        falls = [row.find_element(By.CSS_SELECTOR, "rect").rect for row in rows]
        for one, following in pairwise(falls):
            assert one["x"] + one["width"] == pytest.approx(following["x"], abs=2)
        share = [one["share"] for one in found["bars"]]
        assert falls[0]["width"] / falls[1]["width"] == pytest.approx(share[0] / share[1], rel=0.05)
        for one in found["idle"]:
            assert one["code"] in bridge.text

    def test_the_filmstrip_is_drawn(self, page, explained):
        _, comparison = between(explained, "own-defaults")
        codes = comparison.metrics["bridge"]["pictures"]["codes"]
        opened(page, 0)
        canvases = page.find_elements(By.CSS_SELECTOR, ".film canvas")
        assert len(canvases) == 1 + 2 * len(codes)
        labels = [one.get_attribute("aria-label") for one in canvases]
        assert re.fullmatch(r"adversarial example, nsl, example \d", labels[0])
        assert f"after {codes[-1]}" in labels[-1]
        script = "return [...arguments[0].getContext('2d').getImageData(0, 0, 8, 8).data].some((one) => one > 0)"
        WebDriverWait(page, 5).until(lambda _: all(page.execute_script(script, one) for one in canvases))

    def test_what_to_set_is_said_with_what_it_leads_to(self, page, explained):
        proposal = between(explained, "own-labels")[1].metrics["proposal"]
        said = opened(page, 1).find_element(By.CSS_SELECTOR, ".proposal").text
        assert "attack.labels: given" in said
        assert proposal["verdict"] in said
