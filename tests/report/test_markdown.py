"""``report.md``, as a Markdown reader shows it."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.report.markdown import markdown
from harness.report.markdown_text import code, escaped, sentence, table
from harness.report.text import printable

from .conftest import CONTROL, HOSTILE

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


class Page(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.cells = [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        self.text += data
        if self.cells:
            self.cells[-1] += data


def rendered(text):
    return Page(READER.render(text))


@pytest.fixture(scope="module")
def report(folder):
    return (folder / "report.md").read_text(encoding="utf-8")


def test_the_verdict_stands_first_and_what_is_unexpected_next(report):
    assert report.startswith("# 2 of 4 comparisons are not as expected.\n")
    headings = [line for line in report.splitlines() if line.startswith("## ")]
    assert headings == [
        "## Not as expected",
        "## Subjects that failed",
        "## Subjects against subjects",
        "## Scenarios",
        "## Subjects",
        "## Environment",
    ]
    listed = report.partition("## Not as expected")[2].partition("##")[0]
    assert "an expectation that is wrong on purpose" in listed
    assert "384 of 384 elements differ" in listed


def test_each_scenario_says_what_its_pairs_came_to(report):
    section = report.partition("### alike\n")[2].partition("###")[0]
    assert "Configured alike, they agree." in section
    assert "2 cases of kind perturbation, `alike[norm=linf].yaml`, tags `smoke`, `alike`." in section
    assert "| nsl \\| reference-float64 | **CLOSE** | 1:<br>`norm=linf` | **unexpected** | DIVERGED: an exp" in section


def test_settings_left_to_a_default_are_marked(report):
    section = report.partition("### default-labels\n")[2].partition("###")[0]
    (nsl,) = [line for line in section.splitlines() if line.startswith("| nsl | 1 ok")]
    (cleverhans,) = [line for line in section.splitlines() if line.startswith("| cleverhans-v4 | 1 ok")]
    assert "| 0.1 | linf | given \\* |" in nsl
    assert "| 0.1 | linf | predicted \\* |" in cleverhans


def test_the_proof_that_all_got_the_same_is_there(report, find):
    section = report.partition("### default-labels\n")[2].partition("###")[0]
    for digest in find("default-labels").identity.values():
        assert digest[:16] in section


def test_every_table_is_read_as_one(report):
    page = rendered(report)
    assert page.tags.count("table") == sum(line.startswith("| ---") for line in report.splitlines())


def test_nothing_hostile_is_more_than_text(report):
    page = rendered(report)
    assert not {"script", "img", "a", "del"} & set(page.tags)
    assert printable(HOSTILE) in page.text


def test_pictures_are_no_data_addresses(report):
    assert "data:" not in report.replace("data: ", "")


@given(st.text(st.characters(exclude_categories=())))
def test_escaped_text_is_shown_as_it_is(text):
    shown = " ".join(printable(text).split())
    cells = rendered("\n".join(table(["a", "b"], [[escaped(text), "end"]]))).cells
    assert [" ".join(cell.split()) for cell in cells] == ["a", "b", shown, "end"]
    page = rendered(f"- {escaped(text)}")
    assert set(page.tags) <= {"ul", "li"}
    assert " ".join(page.text.split()) == shown


@given(st.text(st.characters(exclude_categories=()), min_size=1))
def test_code_is_shown_as_it_is(text):
    shown = " ".join(printable(text).split())
    cells = rendered("\n".join(table(["a", "b"], [[code(text), "end"]]))).cells
    assert [" ".join(cell.split()) for cell in cells] == ["a", "b", shown, "end"]


def test_a_sentence_ends_once():
    assert sentence("of argument 'x'.") == sentence("of argument 'x'") == "of argument 'x'."


def test_a_run_without_anything_is_a_page_too(run):
    assert markdown(replace(run, cases=())).startswith("# Nothing was compared.\n")


def test_control_characters_are_shown(report):
    assert printable(CONTROL) in rendered(report).text
