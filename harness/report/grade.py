"""What a comparison counts for where others read it: JUnit, pytest, annotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.engine.record import CaseRecord
from harness.report.expectation import expected_text
from harness.vocabulary import Comparison, Location, Verdict

Result = Literal["passed", "failed", "error", "skipped", "accepted"]


@dataclass(frozen=True)
class Grade:
    """What a comparison counts for.

    Attributes:
        result: ``failed`` and ``error`` (a side failed) make the run fail; ``skipped`` says nothing; ``accepted`` is a
            failure that the baseline accepts.
        reason: why it is not simply ``passed``; else empty.
    """

    result: Result
    reason: str = ""

    @property
    def fails(self) -> bool:
        """Whether the run fails for it."""
        return self.result in ("failed", "error")


def grade(record: CaseRecord, comparison: Comparison, *, strict: bool = False) -> Grade:
    """What a comparison counts for.

    Args:
        record: of its case.
        comparison: the comparison.
        strict: whether one that nobody has said anything of fails, unless a side cannot express the case.
    """
    verdict = comparison.verdict
    failed: Result = "error" if verdict is Verdict.ERROR else "failed"
    if comparison.status == "expected":
        return Grade("passed")
    if comparison.status == "unexpected":
        because = f" ({comparison.because})" if comparison.because else ""
        expected = f"expected {expected_text(record, comparison)}{because}"
        return Grade(failed, f"{verdict}, {expected}: {comparison.sentence}")
    if verdict is Verdict.UNSUPPORTED:
        return Grade("skipped", comparison.sentence)
    unstated = f"unstated: {verdict}: {comparison.sentence}"
    if strict:
        return Grade(failed, unstated)
    return Grade("passed") if verdict in (Verdict.EQUAL, Verdict.CLOSE) else Grade("skipped", unstated)


def place_of(record: CaseRecord, comparison: Comparison) -> Location:
    """Where the scenario file speaks of the comparison: its expectation, or else the file."""
    expectation = record.case.expectations.get(f"{comparison.left}|{comparison.right}")
    return expectation.location if expectation else record.case.location
