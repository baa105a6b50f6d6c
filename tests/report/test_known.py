"""Why a pair is known to differ."""

from dataclasses import replace

from harness.report.html import html
from harness.report.known import known_differences
from harness.report.markdown import markdown
from harness.report.summary import summary_text

PAIR = ("nsl", "cleverhans-v4")
WHY = "the true label on one side, the predicted label on the other"


def known(run, find, cases):
    """The run with known differences of the pair in so many cases."""
    record = find("default-labels")
    changed = tuple(replace(one, status="expected", because=WHY) for one in record.comparisons)
    ids = [f"case-{number}" for number in range(cases)]
    return replace(
        run, cases=tuple(replace(record, case=replace(record.case, id=name), comparisons=changed) for name in ids)
    )


def test_cases_with_one_reason_are_one_difference(run, find):
    (difference,) = known_differences(known(run, find, 3), PAIR)
    assert (difference.because, difference.cases) == (WHY, ("case-0", "case-1", "case-2"))


def test_only_what_is_expected_is_known(run):
    assert [difference.because for difference in known_differences(run, PAIR)] == ["true against predicted labels"]
    assert known_differences(run, ("cleverhans-v4", "reference-float64")) == []  # it diverges, and nobody says why


def test_what_happens_most_often_comes_first(run, find):
    few, many = known(run, find, 1), known(run, find, 2)
    other = tuple(
        replace(record, comparisons=tuple(replace(one, because="another") for one in record.comparisons))
        for record in many.cases
    )
    both = known_differences(replace(run, cases=few.cases + other), PAIR)
    assert [difference.because for difference in both] == ["another", WHY]


def test_every_report_says_it_beside_the_pair(run, find, folder):
    told = known(run, find, 2)
    assert f"  - 2 cases: {WHY}\n" in markdown(told)
    assert f"  2 cases: {WHY}\n" in summary_text(told, folder)
    assert f">2 cases</a> {WHY}</li>" in html(told)
