"""``report.html``, without a browser."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from harness.report.detail import island
from harness.report.html import html
from harness.report.page import segments
from harness.report.text import printable
from harness.vocabulary import Verdict

from .conftest import CONTROL, HOSTILE


class Page(HTMLParser):
    """Elements, text, scripts and styles of a page."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text, self.inner = [], "", {"script": [], "style": []}
        self.open = ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.open = tag if tag in self.inner else ""
        if self.open:
            self.inner[tag].append("")

    def handle_endtag(self, tag):
        self.open = ""

    def handle_data(self, data):
        if self.open:
            self.inner[self.open][-1] += data
        else:
            self.text += data

    def find(self, tag, **wanted):
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]


@pytest.fixture(scope="module")
def source(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


def islands(page):
    scripts = zip(page.find("script"), page.inner["script"], strict=True)
    return {found["id"]: json.loads(text) for found, text in scripts if "id" in found}


def test_the_page_needs_nothing_but_itself(page):
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "img", "audio", "video"), tag
        assert not {"src", "srcset", "style", "action"} & set(attributes), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert attributes.get("href", "#").startswith("#")
    assert not re.search(r"url\(|@import", page.inner["style"][0])


def test_the_policy_allows_the_page_its_own_script_and_style_and_nothing_else(page):
    (meta,) = page.find("meta", **{"http-equiv": "Content-Security-Policy"})
    policy = dict(part.split(" ", 1) for part in meta["content"].split("; "))

    def digest(text):
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert policy == {
        "default-src": "'none'",
        "script-src": digest(page.inner["script"][-1]),
        "style-src": digest(page.inner["style"][0]),
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_headline_matrix_and_cases_are_there_without_a_script(run, page):
    assert "2 of 4 comparisons are not as expected." in page.text
    assert "an expectation that is wrong on purpose" in page.text
    labels = [found["aria-label"] for found in page.find("button", type="button") if "aria-label" in found]
    assert len(labels) == 3
    assert labels[0].startswith("nsl and cleverhans-v4: equal bit for bit in 3 of 7 cases")
    assert [found["data-case"] for found in page.find("details")] == [str(number) for number in range(len(run.cases))]
    for record in run.cases:
        assert printable(record.case.id) in page.text or "norm=" in record.case.id


def test_details_are_complete(run, page):
    found = islands(page)
    assert len(found["index"]["cases"]) == len(run.cases)
    for number, record in enumerate(run.cases):
        one = found[f"case-{number}"]
        assert one["identity"] == record.identity
        assert [outcome["subject"] for outcome in one["outcomes"]] == [outcome.subject for outcome in record.outcomes]
        assert len(one["comparisons"]) == len(record.comparisons)
        for shown, comparison in zip(one["comparisons"], record.comparisons, strict=True):
            assert shown["sentence"] == printable(comparison.sentence)
            assert set(shown["metrics"]) == set(comparison.metrics) - {"worst"}


def test_settings_left_to_a_default_are_marked(run, page):
    number = [record.case.id for record in run.cases].index("default-labels")
    used = {one["subject"]: one["used"] for one in islands(page)[f"case-{number}"]["outcomes"]}
    assert used["nsl"]["labels"] == ["given", True]
    assert used["cleverhans-v4"]["labels"] == ["predicted", True]
    assert used["cleverhans-v4"]["epsilon"] == ["0.1", False]


def test_what_is_hostile_is_text_and_can_be_seen(source, page):
    assert printable(HOSTILE) in page.text
    assert printable(CONTROL) in page.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u2028\u2029]", source)
    assert source.count("<script") == len(page.find("script"))
    assert "window.broken" not in page.inner["script"][-1]


def test_an_island_cannot_be_left():
    text = island({"a": "</script><!--<script>&\u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text)["a"] == r"</script><!--<script>&\u2028"


def test_a_bar_is_as_long_as_its_counts():
    first, second = segments({Verdict.EQUAL: 3, Verdict.ERROR: 1})
    assert (first.start, first.width, second.start, second.width) == (0, 75, 75, 25)


def test_a_run_without_anything_is_a_page_too(run):
    assert "Nothing was compared." in Page(html(replace(run, cases=()))).text


def test_a_subject_that_could_not_run_says_why(run):
    missing = {**run.subjects, "nsl": {**run.subjects["nsl"], "unavailable": "it is not installed; pip mends it"}}
    assert Page(html(replace(run, subjects=missing))).text.count("it is not installed; pip mends it") == 2
