"""Why a pair is known to differ: what its scenarios say, summed up."""

from __future__ import annotations

from dataclasses import dataclass

from harness.engine.record import Run
from harness.report.matrix import Pair, pair_of
from harness.vocabulary import Verdict


@dataclass(frozen=True)
class Known:
    """A known difference.

    Attributes:
        because: the scenarios' reason.
        cases: ids of the cases that show it.
    """

    because: str
    cases: tuple[str, ...]


def known_differences(run: Run, pair: Pair) -> list[Known]:
    """Why a pair diverges where its scenarios expect that it does, what shows most often first."""
    cases: dict[str, list[str]] = {}
    for record in run.cases:
        for one in record.comparisons:
            if pair_of(one) == pair and one.verdict is Verdict.DIVERGED and one.status == "expected":
                cases.setdefault(one.because, []).append(record.case.id)
    return sorted((Known(because, tuple(ids)) for because, ids in cases.items()), key=lambda one: -len(one.cases))
