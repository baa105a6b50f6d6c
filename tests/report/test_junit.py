"""``junit.xml``: what CI systems make of it."""

import re
import shlex
from collections import Counter
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.engine.standing import Deviation, Standing
from harness.report.grade import Grader
from harness.report.junit import junit
from harness.report.text import printable
from harness.vocabulary import Verdict

from .conftest import CONTROL, HOSTILE

TAGS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def case_element(root, start, pair):
    """The test case of a comparison, by the beginning of its case's id and its two subjects."""
    (element,) = [
        one for one in root.iter("testcase") if one.get("name").startswith(start) and one.get("name").endswith(pair)
    ]
    return element


@pytest.fixture(scope="module")
def root(folder):
    return ElementTree.parse(folder / "junit.xml").getroot()


def test_there_is_a_test_case_for_each_comparison_in_the_suite_of_its_scenario(run, root):
    assert [root.tag, *{suite.tag for suite in root}] == ["testsuites", "testsuite"]
    suites = {suite.get("name"): [one.get("name") for one in suite] for suite in root}
    assert suites["harness.perturbation.alike"][:3] == [
        "alike[norm=linf]: nsl vs cleverhans-v4",
        "alike[norm=linf]: nsl vs reference-float64",
        "alike[norm=linf]: cleverhans-v4 vs reference-float64",
    ]
    assert sum(map(len, suites.values())) == run.totals["comparisons"]
    for suite in root:
        assert {one.get("classname") for one in suite} == {suite.get("name")}


def test_every_count_is_that_of_its_elements(root):
    assert {root.get(name) for name in TAGS} != {"0"}
    for element in [root, *root]:
        assert int(element.get("tests")) == len(list(element.iter("testcase")))
        for attribute, tag in TAGS.items():
            assert int(element.get(attribute)) == len(list(element.iter(tag)))


def test_times_are_seconds_and_the_time_stamp_is_one_that_every_reader_takes(run, root):
    (record, *_) = run.cases
    assert case_element(root, "alike[norm=linf]", "nsl vs cleverhans-v4").get("time") == (
        f"{record.outcome('nsl').seconds + record.outcome('cleverhans-v4').seconds:.3f}"
    )
    assert all(float(element.get("time")) >= 0 for element in root.iter() if element.get("time"))
    for suite in root:
        assert suite.get("timestamp") == run.started[:19]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp"))


def test_what_is_not_as_expected_is_a_failure_that_says_why_and_how_to_see_it_again(run, root):
    (failed,) = case_element(root, "alike[norm=linf]", "nsl vs reference-float64")
    assert (failed.tag, failed.get("type")) == ("failure", "CLOSE")
    assert failed.get("message").startswith("CLOSE, expected DIVERGED (an expectation that is wrong on purpose): ")
    lines = failed.text.splitlines()
    assert "expected: DIVERGED: an expectation that is wrong on purpose" in lines
    assert "stated in: alike.yaml:9:3" in lines
    assert any(line.startswith("nsl and reference-float64 ") for line in lines)
    (command,) = [line.partition(": ")[2] for line in lines if line.startswith("to reproduce: ")]
    assert shlex.split(command) == [
        *("harness", "run", run.cases[0].case.location.file, "-k", "alike[norm=linf]"),
        *("--subjects", "nsl,reference-float64"),
    ]
    element = case_element(root, "alike[norm=linf]", "nsl vs reference-float64")
    assert (element.get("file"), element.get("line")) == ("alike.yaml", "9")


def test_the_yardstick_takes_part_when_a_failure_is_reproduced(root):
    (told,) = case_element(root, "refused", "nsl vs cleverhans-v4")
    assert "--subjects nsl,cleverhans-v4,reference-float64" in told.text


def test_what_is_as_expected_says_nothing_and_what_a_side_cannot_express_is_skipped(root):
    assert len(case_element(root, "alike[norm=linf]", "nsl vs cleverhans-v4")) == 0
    assert len(case_element(root, "default-labels", "nsl vs cleverhans-v4")) == 0
    (skipped,) = case_element(root, "defaults", "nsl vs cleverhans-v4")
    assert (skipped.tag, skipped.get("type")) == ("skipped", "UNSUPPORTED")
    assert skipped.get("message").startswith("cleverhans-v4: unsupported: ")


def test_what_differs_and_was_not_spoken_of_is_skipped_unless_strict(run, root):
    pair = "cleverhans-v4 vs reference-float64"
    (skipped,) = case_element(root, "default-labels", pair)
    assert skipped.tag == "skipped"
    assert skipped.get("message").startswith("unstated: DIVERGED: ")
    strict = ElementTree.fromstring(junit(run, strict=True).encode())
    assert case_element(strict, "default-labels", pair)[0].tag == "failure"
    assert case_element(strict, "defaults", pair)[0].tag == "skipped"
    assert len(case_element(strict, "alike[norm=linf]", "nsl vs cleverhans-v4")) == 0


@pytest.mark.parametrize(
    ("verdict", "status", "tag"),
    [
        (Verdict.ERROR, "unstated", "error"),
        (Verdict.ERROR, "unexpected", "error"),
        (Verdict.ERROR, "expected", None),
        (Verdict.UNSUPPORTED, "expected", "skipped"),
        (Verdict.UNSUPPORTED, "unexpected", "failure"),
        (Verdict.EQUAL, "unstated", None),
    ],
)
def test_each_verdict_has_its_element(run, find, verdict, status, tag):
    record = find("tabular")
    comparison = replace(record.comparisons[0], verdict=verdict, status=status, sentence="a reason")
    changed = replace(run, cases=(replace(record, comparisons=(comparison,)),))
    (element,) = ElementTree.fromstring(junit(changed).encode()).iter("testcase")
    assert [one.tag for one in element] == ([] if tag is None else [tag])
    assert Grader(None).grade(record, comparison).fails == (status == "unexpected")


def test_hostile_names_are_shown(root):
    told = case_element(root, "hostile", "nsl vs cleverhans-v4")
    assert told.get("name") == printable(f"hostile {HOSTILE} {CONTROL}: nsl vs cleverhans-v4")
    assert told.get("classname") == printable(f"harness.perturbation.hostile {HOSTILE} {CONTROL}")


def test_very_long_names_are_cut_and_stay_different(run, find):
    record = find("tabular")
    cases = [replace(record, case=replace(record.case, id=f"{'x' * 10_000}{end}", scenario="y" * 999)) for end in "ab"]
    root = ElementTree.fromstring(junit(replace(run, cases=tuple(cases))).encode())
    names = [element.get("name") for element in root.iter("testcase")]
    assert len(set(names)) == len(names)
    assert max(len(text) for element in root.iter("testcase") for text in element.attrib.values()) <= 250


@settings(max_examples=50)
@given(text=st.text(st.characters(exclude_categories=())))
def test_any_text_is_well_formed(run, find, text):
    record = find("tabular")
    said = {"verdict": Verdict.DIVERGED, "status": "unexpected", "expected": "CLOSE", "sentence": text, "because": text}
    comparisons = (replace(record.comparisons[0], **said),)
    changed = replace(record, case=replace(record.case, id=text, scenario=text), comparisons=comparisons)
    root = ElementTree.fromstring(junit(replace(run, cases=(changed,))).encode())
    assert Counter(element.tag for element in root.iter())["failure"] == 1
    (failure,) = root.iter("failure")
    assert " ".join(printable(text).split()) in " ".join(str(failure.text).split())


def test_what_the_baseline_accepts_is_skipped_and_what_vanished_has_test_cases_of_its_own(run):
    standing = Standing(
        "baseline.json",
        accepted=(Deviation("alike[norm=linf]", "nsl", "reference-float64", reason="known since May"),),
        vanished=(Deviation("gone", "nsl", "cleverhans-v4", was="CLOSE", sentence="no scenario has it"),),
    )
    for strict, tag in ((False, "skipped"), (True, "failure")):
        root = ElementTree.fromstring(junit(replace(run, standing=standing), strict=strict).encode())
        (accepted,) = case_element(root, "alike[norm=linf]", "nsl vs reference-float64")
        assert (accepted.tag, accepted.get("message")) == ("skipped", "accepted: known since May")
        (vanished,) = case_element(root, "gone", "nsl vs cleverhans-v4")
        assert (vanished.tag, vanished.get("message")) == (tag, "vanished: no scenario has it")
