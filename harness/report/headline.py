"""What came of a run, in plain words: the first thing that every report says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.engine.record import CaseRecord, Run
from harness.report.matrix import BY_INTEREST, Cell, is_library, matrix_of
from harness.report.standing import baseline_line
from harness.report.text import count, duration, printable
from harness.vocabulary import Comparison, Outcome, Verdict

Tone = Literal["good", "bad", "open"]


@dataclass(frozen=True)
class Headline:
    """The verdict on a run.

    Attributes:
        tone: ``good`` all as expected; ``bad`` something is not; ``open`` nothing was expected, or the run has holes.
        sentence: the verdict.
        details: further sentences that a reader must not miss.
    """

    tone: Tone
    sentence: str
    details: tuple[str, ...]


def headline(run: Run) -> Headline:
    """The verdict on a run in plain words."""
    totals = run.totals
    stated = totals["expected"] + totals["unexpected"]
    unavailable = [name for name, description in run.subjects.items() if "unavailable" in description]
    details = []
    if run.interrupted:
        details.append("The run was interrupted: what was finished is kept; the same command goes on from there.")
    details += [f"{name} could not run: {printable(run.subjects[name]['unavailable'])}" for name in unavailable]
    if totals["unstated"] and stated:
        details.append(f"No scenario states what to expect of {count(totals['unstated'], 'further comparison')}.")
    if run.standing:
        details.append(baseline_line(run.standing))
    failed = sum(comparison.verdict is Verdict.ERROR for _, comparison in unstated(run))
    if failed and stated:
        details.append(f"Of these {failed:,} could not be computed, which is never a pass.")
    complete = not (run.interrupted or unavailable)
    wrong = len(unexpected(run)) + (len(run.standing.failing) if run.standing else 0)
    return Headline(_tone(wrong, stated, complete), _sentence(run, stated), tuple(details))


def _tone(wrong: int, stated: int, complete: bool) -> Tone:
    if wrong:
        return "bad"
    return "good" if stated and complete else "open"


def _sentence(run: Run, stated: int) -> str:
    totals = run.totals
    if not totals["comparisons"]:
        return "Nothing was compared."
    wrong = len(unexpected(run))
    if wrong:
        return f"{wrong:,} of {count(stated, 'comparison')} {'is' if wrong == 1 else 'are'} not as expected."
    changed = len(run.standing.failing) if run.standing else 0
    if changed:
        return f"{count(changed, 'comparison')} {'is' if changed == 1 else 'are'} not as in the baseline."
    if totals["unexpected"]:
        return f"{_all(stated)} as expected or accepted."
    if not stated:
        return f"{count(totals['comparisons'], 'comparison')}, and no scenario states what to expect."
    return f"{_all(stated)} as expected."


def _all(stated: int) -> str:
    return "The one comparison is" if stated == 1 else f"All {stated:,} comparisons are"


def totals_line(run: Run) -> str:
    """Cases, outcomes, comparisons by verdict and by expectation, and the time, in one line."""
    totals = run.totals
    verdicts = ", ".join(f"{number:,} {verdict}" for verdict, number in totals["verdicts"].items() if number)
    return (
        f"{count(totals['cases'], 'case')}, "
        f"{count(totals['outcomes'], 'outcome')} ({totals['from_store']:,} from the store), "
        f"{count(totals['comparisons'], 'comparison')}{f': {verdicts}' if verdicts else ''}; "
        f"{totals['expected']:,} as expected, {totals['unexpected']:,} unexpected, {totals['unstated']:,} unstated; "
        f"{duration(run.seconds)}"
    )


def libraries(run: Run) -> list[Cell]:
    """The pairs of real libraries: what a newcomer wants to know first."""
    return [cell for pair, cell in matrix_of(run).items() if all(is_library(name) for name in pair)]


def unexpected(run: Run) -> list[tuple[CaseRecord, Comparison]]:
    """The comparisons that are not as expected, nor accepted by a baseline, the gravest verdict first."""
    accepted = {one.key for one in run.standing.accepted} if run.standing else set()
    return _gravest_first(
        [
            (record, comparison)
            for record in run.cases
            for comparison in record.comparisons
            if comparison.status == "unexpected" and (record.case.id, comparison.left, comparison.right) not in accepted
        ]
    )


def unstated(run: Run) -> list[tuple[CaseRecord, Comparison]]:
    """The comparisons of which no scenario says what to expect, and that differ or failed; the gravest first.

    Those that a baseline knows are left out: how the run stands to it is told apart.
    """
    known = {one.key for one in (*run.standing.new, *run.standing.changed)} if run.standing else None
    return _gravest_first(
        [
            (record, comparison)
            for record in run.cases
            for comparison in record.comparisons
            if comparison.status == "unstated"
            and comparison.verdict in (Verdict.DIVERGED, Verdict.ERROR)
            and (known is None or (record.case.id, comparison.left, comparison.right) in known)
        ]
    )


def _gravest_first(found: list[tuple[CaseRecord, Comparison]]) -> list[tuple[CaseRecord, Comparison]]:
    return sorted(found, key=lambda one: BY_INTEREST.index(one[1].verdict))


@dataclass(frozen=True)
class Failure:
    """Outcomes of one subject that failed alike.

    Attributes:
        outcome: the first of them.
        cases: ids of the cases.
        expected: whether the scenarios expect it of every comparison that it spoils.
    """

    outcome: Outcome
    cases: tuple[str, ...]
    expected: bool


def failures(run: Run) -> list[Failure]:
    """Outcomes that failed, those with the same subject, status and reason as one, the most frequent first."""
    alike: dict[tuple[str, str, str], list[CaseRecord]] = {}
    for record in run.cases:
        for outcome in record.outcomes:
            if outcome.status not in ("ok", "unsupported"):
                alike.setdefault((outcome.subject, outcome.status, outcome.reason), []).append(record)
    found = [
        Failure(
            records[0].outcome(subject),
            tuple(record.case.id for record in records),
            all(
                comparison.status == "expected"
                for record in records
                for comparison in record.comparisons
                if subject in (comparison.left, comparison.right)
            ),
        )
        for (subject, _, _), records in alike.items()
    ]
    return sorted(found, key=lambda failure: -len(failure.cases))
