"""Why a pair is known to differ: what its scenarios say, summed up."""

from __future__ import annotations

from dataclasses import dataclass

from harness.engine.record import Run
from harness.report.causes import mean_causes
from harness.report.matrix import Pair, pair_of
from harness.report.proposed import agreeing
from harness.vocabulary import Comparison, Verdict


@dataclass(frozen=True)
class Known:
    """A known difference.

    Attributes:
        because: the scenarios' reason.
        cases: ids of the cases that show it.
        causes: what was measured to bring it about, in words, as the mean over those cases; or empty.
        agree: what was seen to make the two agree, in words; or empty.
    """

    because: str
    cases: tuple[str, ...]
    causes: str = ""
    agree: str = ""

    @property
    def words(self) -> str:
        """The scenarios' reason, and what was measured beside it."""
        reason = f"{self.because} ({self.causes})" if self.causes else self.because
        return f"{reason}; they {self.agree}" if self.agree else reason


def known_differences(run: Run, pair: Pair) -> list[Known]:
    """Why a pair diverges where its scenarios expect that it does, what shows most often first."""
    cases: dict[str, list[str]] = {}
    compared: dict[str, list[Comparison]] = {}
    for record in run.cases:
        for one in record.comparisons:
            if pair_of(one) == pair and one.verdict is Verdict.DIVERGED and one.status == "expected":
                cases.setdefault(one.because, []).append(record.case.id)
                compared.setdefault(one.because, []).append(one)
    known = (
        Known(because, tuple(ids), mean_causes(compared[because]), agreeing(compared[because]))
        for because, ids in cases.items()
    )
    return sorted(known, key=lambda one: -len(one.cases))
