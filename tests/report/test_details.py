"""Details of many cases: in files beside the page, which are made once."""

import json
from dataclasses import replace

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from harness.bench.browser import opening_seconds
from harness.bench.waiting import OPENS
from harness.engine.store import Store
from harness.report import curves as drawing
from harness.report import details
from harness.report.curves import draw_curves
from harness.report.html import html, write_html
from harness.report.write import write_reports

from .browsing import IN_A_BROWSER, case, open_afresh, opened
from .test_html import Page, islands

CASES = 1000


def repeated(run, record, number):
    """A run of so many cases, all as one."""
    cases = tuple(
        replace(record, case=replace(record.case, id=f"case-{place}", scenario=f"scenario-{place // 50}"))
        for place in range(number)
    )
    return replace(run, cases=cases, read=None)


@pytest.fixture
def small_limit(monkeypatch):
    """Three cases are many, and two of them are in a file."""
    monkeypatch.setattr(details, "EMBEDDED_CASES", 2)
    monkeypatch.setattr("harness.report.details.FILE_CASES", 2)


def files(folder):
    return {path.name: path.stat().st_mtime_ns for path in (folder / "details").iterdir()}


def in_files(folder, found):
    """The details of all cases in the files that a page names."""
    called = [(folder / name).read_text() for name in found.files]
    assert all(text.startswith("harnessDetails(") and text.endswith(");\n") for text in called)
    return [one for text in called for one in json.loads(f"[{text[len('harnessDetails(') : -3]}]")[1]]


def test_few_cases_are_within_the_page_and_many_beside_it(run, own_folder, monkeypatch):
    whole = islands(Page(html(run)))
    write_html(run, {}, own_folder / "report.html")
    assert not (own_folder / "details").exists()
    monkeypatch.setattr(details, "EMBEDDED_BYTES", 20_000)
    found = write_html(run, {}, own_folder / "report.html")
    assert in_files(own_folder, found) == [whole[f"case-{number}"] for number in range(len(run.cases))]
    page = Page((own_folder / "report.html").read_text())
    assert set(islands(page)) == {"index"}
    assert islands(page)["index"]["files"] == list(found.files)


def test_only_the_page_s_own_script_may_load_them(run, own_folder, small_limit):
    write_html(run, {}, own_folder / "report.html")
    (meta,) = Page((own_folder / "report.html").read_text()).find("meta", **{"http-equiv": "Content-Security-Policy"})
    policy = dict(part.split(" ", 1) for part in meta["content"].split("; "))
    digest, dynamic = policy["script-src"].split()
    assert digest.startswith("'sha256-")
    assert dynamic == "'strict-dynamic'"
    assert policy["default-src"] == "'none'"


def test_what_has_not_changed_is_not_written_again(run, own_folder, small_limit):
    many = replace(run, folder=own_folder, read=None)
    first = write_html(many, {}, own_folder / "report.html")
    before = files(own_folder)
    changed = replace(many.cases[2].comparisons[0], sentence="another sentence")
    record = replace(many.cases[2], comparisons=(changed, *many.cases[2].comparisons[1:]))
    second = write_html(replace(many, cases=(*many.cases[:2], record, *many.cases[3:])), {}, own_folder / "report.html")
    assert [a == b for a, b in zip(first.files, second.files, strict=True)] == [True, False, True, True]
    assert "another sentence" in in_files(own_folder, second)[2]["comparisons"][0]["sentence"]
    assert {name: files(own_folder)[name] for name in before} == before
    details.remove_stale(own_folder, second.files)
    assert set(files(own_folder)) == {name.partition("/")[2] for name in second.files}


def test_which_outcomes_came_from_the_store_changes_the_page_only(run, own_folder, small_limit):
    first = write_html(run, {}, own_folder / "report.html")
    stored = [
        replace(one, outcomes=tuple(replace(outcome, from_store=True) for outcome in one.outcomes)) for one in run.cases
    ]
    assert write_html(replace(run, cases=tuple(stored)), {}, own_folder / "report.html").files == first.files
    index = islands(Page((own_folder / "report.html").read_text()))["index"]
    assert index["cases"]["0"]["stored"] == "111"


def test_what_is_missing_now_may_be_there_the_next_time(run, find, own_folder, small_limit):
    store = Store(own_folder.parent / ".store")
    store.root.mkdir()
    record = find("default-labels")
    arrays = own_folder / "arrays" / f"{record.outcome('nsl').arrays}.npz"
    content = arrays.read_bytes()
    damaged = replace(run, folder=own_folder, read=(run.cases, "digest"))
    assert damaged.digest
    arrays.unlink()
    missing = in_files(own_folder, write_html(damaged, {}, own_folder / "report.html"))
    assert any("missing or damaged" in one["missing"] for one in missing)
    arrays.write_bytes(content)
    whole = write_html(damaged, {}, own_folder / "report.html")
    assert not any(one["missing"] for one in in_files(own_folder, whole))
    assert write_html(damaged, {}, own_folder / "report.html") == whole


def test_a_run_folder_keeps_no_details_of_an_earlier_run(run, own_folder, small_limit, monkeypatch):
    many = replace(run, folder=own_folder)
    write_reports(many, own_folder)
    assert len(files(own_folder)) == 4
    monkeypatch.setattr(details, "EMBEDDED_CASES", 400)
    write_reports(many, own_folder)
    assert not (own_folder / "details").exists()


def test_a_list_that_no_one_reads_to_its_end_has_what_is_unexpected_first(run, own_folder, small_limit, monkeypatch):
    monkeypatch.setattr("harness.report.interest.LISTED_CASES", 2)
    found = write_html(run, {}, own_folder / "report.html")
    page = Page((own_folder / "report.html").read_text())
    unexpected = [any(one.status == "unexpected" for one in record.comparisons) for record in run.cases]
    wanted = [number for number, found_so in enumerate(unexpected) if found_so]
    assert wanted == [0, 6]
    assert [int(one["data-case"]) for one in page.find("details")] == wanted
    assert list(islands(page)["index"]["cases"]) == [str(number) for number in wanted]
    assert "The 2 of 7 cases of which the most is to be said" in page.text
    assert [bool(name) for name in found.files] == [True, False, False, True]


def test_curves_are_drawn_once(trained, tmp_path, monkeypatch):
    kept = replace(trained, folder=None, store=Store(tmp_path))
    (tmp_path / "arrays").symlink_to(trained.folder / "arrays")
    first = draw_curves(kept)
    monkeypatch.setattr(drawing, "_drawing", lambda: pytest.fail("drawn again"))
    assert draw_curves(kept) == first
    assert first


class TestInABrowser:
    """A page of a thousand cases."""

    pytestmark = IN_A_BROWSER

    def test_it_opens_at_once_and_has_the_details_of_a_case_that_is_clicked(self, browser, run, find, own_folder):
        record = find("tabular")
        write_html(repeated(run, record, CASES), {}, own_folder / "report.html")
        open_afresh(browser, own_folder / "report.html")
        assert opening_seconds(browser) < OPENS
        assert browser.find_element(By.CSS_SELECTOR, "output").text.startswith("1,000 of 1,000 cases")
        body = opened(browser, CASES - 1)
        for comparison in record.comparisons:
            assert comparison.sentence in body.text
        assert f"#case=case-{CASES - 1}" in body.find_element(By.LINK_TEXT, "Link to this case").get_attribute("href")
        assert browser.get_log("browser") == []

    def test_a_page_without_its_folder_says_what_it_lacks(self, browser, run, own_folder, small_limit):
        found = write_html(run, {}, own_folder / "report.html")
        (own_folder / found.files[1]).unlink()
        browser.get("about:blank")
        browser.get((own_folder / "report.html").as_uri())
        case(browser, 2).find_element(By.TAG_NAME, "summary").click()
        lacks = f"{found.files[1]} is not beside this page"
        WebDriverWait(browser, 5).until(lambda _: lacks in case(browser, 2).text)
        assert "SHA-256" in opened(browser, 0).text
        browser.get_log("browser")
