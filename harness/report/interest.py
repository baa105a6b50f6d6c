"""Which cases come first where there is not room for all: those of which the most is to be said."""

from __future__ import annotations

from collections.abc import Sequence

from harness.engine.record import CaseRecord, Run
from harness.vocabulary import Verdict

LISTED_CASES = 5_000
"""Most cases in the list of a page. A browser takes seconds for more, and no one reads them."""


def by_interest(run: Run) -> Sequence[tuple[int, CaseRecord]]:
    """The cases with their positions: what is unexpected, what diverges, what is close, the rest."""

    def rank(one: tuple[int, CaseRecord]) -> tuple[bool, bool, bool]:
        comparisons = one[1].comparisons
        return (
            all(comparison.status != "unexpected" for comparison in comparisons),
            all(comparison.verdict is not Verdict.DIVERGED for comparison in comparisons),
            all(comparison.verdict is not Verdict.CLOSE for comparison in comparisons),
        )

    return sorted(enumerate(run.cases), key=rank)


def listed(run: Run) -> Sequence[int]:
    """Positions of the cases in the list of a page, in the order of the run."""
    if len(run.cases) <= LISTED_CASES:
        return range(len(run.cases))
    return sorted(number for number, _ in by_interest(run)[:LISTED_CASES])
