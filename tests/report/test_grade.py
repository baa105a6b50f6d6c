"""What a comparison counts for, without and with a baseline."""

from dataclasses import replace

import pytest

from harness.engine.standing import Deviation, Standing
from harness.report.grade import Grader, run_fails
from harness.vocabulary import Verdict

BASELINE = "baseline.json"


@pytest.fixture
def graded(run, find):
    """Makes a run of one comparison, and grades it: result, reason, and whether the run fails."""
    record = find("tabular")

    def graded(verdict, status, *, strict=False, has=None):
        expected = "" if status == "unstated" else "CLOSE"
        one = replace(record.comparisons[0], verdict=verdict, status=status, expected=expected, sentence="why")
        deviation = Deviation(record.case.id, one.left, one.right, was="EQUAL", reason="known", fails=has != "new")
        standing = None
        if has is not None:
            standing = Standing(BASELINE, **({has: (deviation,)} if has else {}))
        changed = replace(run, cases=(replace(record, comparisons=(one,)),), standing=standing)
        grade = Grader(standing, strict=strict).grade(record, one)
        fails = run_fails(changed, strict=strict)
        assert fails == grade.fails
        return grade.result

    return graded


@pytest.mark.parametrize(
    ("verdict", "status", "result", "strictly"),
    [
        (Verdict.DIVERGED, "expected", "passed", "passed"),
        (Verdict.ERROR, "expected", "passed", "passed"),
        (Verdict.EQUAL, "unexpected", "failed", "failed"),
        (Verdict.UNSUPPORTED, "unexpected", "failed", "failed"),
        (Verdict.ERROR, "unexpected", "error", "error"),
        (Verdict.EQUAL, "unstated", "passed", "failed"),
        (Verdict.DIVERGED, "unstated", "skipped", "failed"),
        (Verdict.ERROR, "unstated", "skipped", "error"),
        (Verdict.UNSUPPORTED, "unstated", "skipped", "skipped"),
    ],
)
def test_without_a_baseline(graded, verdict, status, result, strictly):
    assert graded(verdict, status) == result
    assert graded(verdict, status, strict=True) == strictly


@pytest.mark.parametrize(
    ("verdict", "status", "has", "result", "strictly"),
    [
        (Verdict.EQUAL, "unstated", "", "passed", "passed"),  # the baseline speaks of it
        (Verdict.EQUAL, "unstated", "new", "passed", "failed"),
        (Verdict.DIVERGED, "unstated", "accepted", "accepted", "accepted"),
        (Verdict.DIVERGED, "unexpected", "accepted", "accepted", "accepted"),
        (Verdict.ERROR, "unexpected", "", "error", "error"),  # it may not speak of what a scenario denies
        (Verdict.DIVERGED, "unstated", "changed", "failed", "failed"),
        (Verdict.ERROR, "unstated", "changed", "error", "error"),
        (Verdict.DIVERGED, "expected", "expired", "failed", "failed"),
    ],
)
def test_against_a_baseline(graded, verdict, status, has, result, strictly):
    assert graded(verdict, status, has=has) == result
    assert graded(verdict, status, has=has, strict=True) == strictly


def test_a_reason_names_the_verdict_of_the_baseline(find):
    record = find("tabular")
    one = replace(record.comparisons[0], verdict=Verdict.DIVERGED, sentence="why")
    changed = Deviation(record.case.id, one.left, one.right, was="CLOSE", fails=True)
    assert Grader(Standing(BASELINE, changed=(changed,))).grade(record, one).reason == (
        "DIVERGED, in the baseline CLOSE: why"
    )


def test_what_vanished_fails_a_strict_run_only(run):
    standing = Standing(BASELINE, vanished=(Deviation("gone", was="CLOSE"),))
    assert not run_fails(replace(run, cases=(), standing=standing), strict=False)
    assert run_fails(replace(run, cases=(), standing=standing), strict=True)
