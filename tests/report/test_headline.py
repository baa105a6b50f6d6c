"""The verdict on a run in plain words."""

from dataclasses import replace

import pytest

from harness.report.headline import failures, headline, libraries, totals_line, unexpected, unstated
from harness.vocabulary import Verdict


def with_statuses(run, status):
    """The run with the same status for every comparison."""
    return replace(
        run,
        cases=tuple(
            replace(record, comparisons=tuple(replace(one, status=status) for one in record.comparisons))
            for record in run.cases
        ),
    )


def test_what_is_not_as_expected_comes_first(run):
    verdict = headline(run)
    assert (verdict.tone, verdict.sentence) == ("bad", "2 of 4 comparisons are not as expected.")
    assert any("never a pass" in detail for detail in verdict.details)
    assert {record.case.id[:7] for record, _ in unexpected(run)} == {"alike[n", "hostile"}
    assert unexpected(run)[0][1].verdict is Verdict.CLOSE  # graver than EQUAL


@pytest.mark.parametrize(
    ("status", "tone", "sentence"),
    [
        ("expected", "good", "All 19 comparisons are as expected."),
        ("unstated", "open", "19 comparisons, and no scenario states what to expect."),
        ("unexpected", "bad", "19 of 19 comparisons are not as expected."),
    ],
)
def test_the_sentence_follows_from_the_statuses(run, status, tone, sentence):
    verdict = headline(with_statuses(run, status))
    assert (verdict.tone, verdict.sentence) == (tone, sentence)


def test_a_run_with_holes_is_never_good(run):
    expected = with_statuses(run, "expected")
    interrupted = headline(replace(expected, interrupted=True))
    assert interrupted.tone == "open"
    assert "interrupted" in interrupted.details[0]
    missing = {**run.subjects, "nsl": {**run.subjects["nsl"], "unavailable": "it is not installed"}}
    unavailable = headline(replace(expected, subjects=missing))
    assert unavailable.tone == "open"
    assert unavailable.details == ("nsl could not run: it is not installed",)


def test_an_empty_run_says_so(run):
    assert headline(replace(run, cases=())).sentence == "Nothing was compared."


def test_libraries_are_the_pairs_without_a_reimplementation(run):
    assert [(cell.left, cell.right) for cell in libraries(run)] == [("nsl", "cleverhans-v4")]


def test_unstated_ones_are_those_that_differ_or_failed(run):
    assert [comparison.verdict for _, comparison in unstated(run)] == [Verdict.ERROR] * 3 + [Verdict.DIVERGED]


def test_failures_that_are_alike_are_one(run, find):
    assert [(one.outcome.subject, one.cases, one.expected) for one in failures(run)] == [
        ("nsl", ("refused",), False),
        ("reference-float64", ("refused",), False),
    ]
    twice = replace(run, cases=(*run.cases, find("refused")))
    assert [one.cases for one in failures(twice)] == [("refused", "refused")] * 2
    assert all(one.expected for one in failures(with_statuses(run, "expected")))


def test_totals_are_one_line(run):
    assert totals_line(run).startswith(
        "7 cases, 20 outcomes (0 from the store), "
        "19 comparisons: 3 EQUAL, 8 CLOSE, 2 DIVERGED, 3 UNSUPPORTED, 3 ERROR; "
        "2 as expected, 2 unexpected, 15 unstated; "
    )
