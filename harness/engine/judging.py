"""From figures to comparisons: the verdict, its words, and how it stands to what the scenario expects.

Nothing here needs arrays, so a saved run can be judged again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.engine.record import CaseRecord, Run
from harness.oracle.verdicts import Tolerance, judge, judge_statuses, sentence
from harness.vocabulary import YARDSTICK, Case, Comparison, HarnessError, Outcome, Verdict


@dataclass(frozen=True)
class Rejudged:
    """A comparison that came to something else when it was judged again.

    Attributes:
        record: its case, as judged again.
        before, after: the comparison, with the one tolerance and the other.
    """

    record: CaseRecord
    before: Comparison
    after: Comparison


def without_figures(case: Case, left: Outcome, right: Outcome) -> Comparison | None:
    """The comparison of two outcomes that their statuses decide; ``None`` when both sides have arrays."""
    verdict = judge_statuses(left.status, right.status)
    if verdict is None:
        return None
    reasons = [f"{side.subject}: {side.status}: {side.reason}" for side in (left, right) if side.status != "ok"]
    return _expected(case, Comparison(left.subject, right.subject, verdict, "; ".join(reasons)))


def with_figures(case: Case, left: str, right: str, metrics: Mapping[str, Any], tolerance: Tolerance) -> Comparison:
    """The comparison of two subjects whose outcomes gave these figures, without the note of ``with_notes``."""
    verdict = judge(metrics, tolerance, kind=case.kind)
    words = sentence(verdict, metrics, tolerance, kind=case.kind)
    return _expected(case, Comparison(left, right, verdict, words, metrics=metrics, tolerance=asdict(tolerance)))


def with_notes(compared: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """All comparisons of a case, those that a reader could take for a proof with a note."""
    return tuple(_with_note(comparison, compared) for comparison in compared)


def meets(verdict: Verdict, expected: Verdict) -> bool:
    """Bit for bit is within round-off, too: which of the two it is depends on the processor."""
    return verdict is expected or (verdict, expected) == (Verdict.EQUAL, Verdict.CLOSE)


def answer_over_seeds(comparison: Comparison) -> str:
    """What the equivalence tests say together: models are equivalent if they are so in every accuracy, and different
    if they are so in one. Empty where there was no test."""
    answers = {one["answer"] for one in (comparison.metrics.get("equivalence") or {}).values()}
    if "different" in answers:
        return "different"
    return next(iter(answers), "") if len(answers) < 2 else "undecided"


def judge_again(run: Run, changed: Mapping[str, float]) -> Run:
    """The run with new verdicts, sentences and statuses, from its saved figures.

    Args:
        run: a run.
        changed: fields of ``Tolerance`` and their new values; the others stay what each comparison was judged with.

    Returns:
        The new run. How it stands to a baseline is not known of it.

    Raises:
        HarnessError: a comparison does not have the figures that a verdict takes.
    """
    cases = []
    for record in run.cases:
        try:
            cases.append(_case_again(record, changed))
        except (KeyError, TypeError, ValueError) as error:
            raise HarnessError(
                f"{run.folder}: {record.case.id} does not have the figures that a verdict takes "
                f"({type(error).__name__}: {error}). Run again to make them anew."
            ) from error
    return replace(run, cases=tuple(cases), standing=None)


def rejudged(before: Run, after: Run) -> list[Rejudged]:
    """The comparisons of which the verdict, or how it stands to what is expected, is not what it was.

    Args:
        before: a run.
        after: what ``judge_again`` made of it.
    """
    return [
        Rejudged(record, was, now)
        for old, record in zip(before.cases, after.cases, strict=True)
        for was, now in zip(old.comparisons, record.comparisons, strict=True)
        if (was.verdict, was.status) != (now.verdict, now.status)
    ]


def _case_again(record: CaseRecord, changed: Mapping[str, float]) -> CaseRecord:
    outcomes = {outcome.subject: outcome for outcome in record.outcomes}
    compared = []
    for one in record.comparisons:
        decided = without_figures(record.case, outcomes[one.left], outcomes[one.right])
        tolerance = replace(Tolerance(**one.tolerance), **changed)
        again = decided or with_figures(record.case, one.left, one.right, one.metrics, tolerance)
        compared.append(replace(again, causes=one.causes))
    return replace(record, comparisons=with_notes(compared))


def _expected(case: Case, comparison: Comparison) -> Comparison:
    expectation = case.expectations.get(f"{comparison.left}|{comparison.right}")
    if expectation is None:
        return comparison
    answered = not expectation.outcome or answer_over_seeds(comparison) == expectation.outcome
    return replace(
        comparison,
        expected=str(expectation.verdict),
        because=expectation.because,
        status="expected" if meets(comparison.verdict, expectation.verdict) and answered else "unexpected",
    )


def _with_note(comparison: Comparison, compared: Sequence[Comparison]) -> Comparison:
    """Two float32 results can agree and both be far from double precision: no divergence and no proof, but said."""
    if comparison.verdict not in (Verdict.EQUAL, Verdict.CLOSE) or YARDSTICK in (comparison.left, comparison.right):
        return comparison
    from_yardstick: dict[str, Any] = {other.left: other.verdict for other in compared if other.right == YARDSTICK}
    if all(from_yardstick.get(side) is Verdict.DIVERGED for side in (comparison.left, comparison.right)):
        return replace(comparison, sentence=f"{comparison.sentence}; both differ from {YARDSTICK} beyond round-off")
    return comparison
