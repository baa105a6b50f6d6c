"""What a run says of itself while it goes on: done, running and waiting, the time left, the worst so far."""

import io
import time
from dataclasses import replace

import pytest
from rich.console import Console

from harness.engine.events import CaseJudged, OutcomeBegun, OutcomeReady, Planned
from harness.report.progress import Bar, Lines, Tally
from harness.vocabulary import Verdict


@pytest.fixture
def clock(monkeypatch):
    """Seconds, which pass as the test says."""
    now = [time.monotonic()]
    monkeypatch.setattr("harness.report.progress.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def records(find):
    """Eight cases of two subjects and one comparison each."""
    record = find("alike")
    record = replace(record, outcomes=record.outcomes[:2], comparisons=record.comparisons[:1])
    return [replace(record, case=replace(record.case, id=f"case-{number}")) for number in range(8)]


def judged(record, verdict, status):
    (comparison,) = record.comparisons
    return CaseJudged(replace(record, comparisons=(replace(comparison, verdict=verdict, status=status),)))


def test_cases_are_done_running_and_waiting_and_the_rest_takes_as_long_as_the_first(records, clock):
    tally = Tally()
    tally.add(Planned(0, 16, 8))
    assert tally.cases_in_words() == ""
    for record in records[:2]:  # of an earlier run: they took no time and say nothing of the others
        for outcome in record.outcomes:
            tally.add(OutcomeReady(record.case, replace(outcome, from_store=True)))
        tally.add(judged(record, Verdict.EQUAL, "expected"))
    assert tally.cases_in_words() == "cases: 2 done, 0 running, 6 waiting"
    for record in records[2:5]:
        for outcome in record.outcomes:
            tally.add(OutcomeBegun(record.case, outcome.subject))
            clock[0] += 10
            tally.add(OutcomeReady(record.case, outcome))
        tally.add(judged(record, Verdict.EQUAL, "expected"))
    for outcome in records[5].outcomes:
        tally.add(OutcomeBegun(records[5].case, outcome.subject))
    assert tally.cases_in_words() == "cases: 5 done, 1 running, 2 waiting; about 1 min 0 s left"
    tally.add(OutcomeReady(records[5].case, records[5].outcomes[0]))
    assert tally.cases_in_words().startswith("cases: 5 done, 1 running, 2 waiting")


def test_the_worst_is_what_is_unexpected_and_then_what_is_most_severe(records):
    tally, said = Tally(), []
    for record, verdict, status in zip(
        records,
        (Verdict.CLOSE, Verdict.DIVERGED, Verdict.UNSUPPORTED, Verdict.ERROR, Verdict.EQUAL, Verdict.DIVERGED),
        ("expected", "expected", "expected", "unstated", "unexpected", "unexpected"),
        strict=False,
    ):
        tally.add(judged(record, verdict, status))
        said.append(tally.worst_in_words())
    pair = "nsl and cleverhans-v4"
    assert said == [
        "",
        f"DIVERGED, as expected: {pair} in case-1",
        f"DIVERGED, as expected: {pair} in case-1",
        f"ERROR, which no scenario speaks of: {pair} in case-3",
        f"EQUAL, unexpected: {pair} in case-4",
        f"DIVERGED, unexpected: {pair} in case-5",
    ]


@pytest.mark.parametrize("form", [Bar, Lines])
def test_a_terminal_and_a_log_show_both(records, form):
    console = Console(file=io.StringIO(), width=100, highlight=False, force_terminal=form is Bar)
    progress, tally = form(console), Tally()
    for event in (
        Planned(0, 16, 8),
        OutcomeBegun(records[1].case, "nsl"),
        judged(records[0], Verdict.DIVERGED, "unexpected"),
        *(OutcomeReady(records[0].case, outcome) for outcome in records[0].outcomes),
    ):
        tally.add(event)
    progress.show(tally)
    if form is Bar:
        progress._progress.refresh()
    progress.close()
    text = console.file.getvalue()
    assert "cases: 1 done, 1 running, 6 waiting" in text
    assert "worst so far: DIVERGED, unexpected: nsl and cleverhans-v4 in case-0" in text
