"""What a comparison counts for: for the exit status, and where others read it, in JUnit, pytest and annotations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from harness.engine.record import CaseRecord, Run
from harness.engine.standing import Deviation, Standing
from harness.report.expectation import expected_text
from harness.report.text import count
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


class Grader:
    """Grades the comparisons of a run.

    Args:
        standing: how the run stands to its baseline; ``None``: it has none.
        strict: whether one of which neither scenario nor baseline speaks fails, unless a side cannot express the case.
    """

    def __init__(self, standing: Standing | None, *, strict: bool = False):
        self._strict = strict
        known = standing or Standing("")
        self._baseline = standing is not None
        self._failing = _by_key(known.failing)
        self._accepted = _by_key(known.accepted)
        self._new = _by_key(known.new)

    def grade(self, record: CaseRecord, comparison: Comparison) -> Grade:
        """What a comparison of a case counts for."""
        key = (record.case.id, comparison.left, comparison.right)
        failed: Result = "error" if comparison.verdict is Verdict.ERROR else "failed"
        if key in self._failing:
            return Grade(failed, _against_baseline(self._failing[key], comparison))
        if key in self._accepted:
            return Grade("accepted", f"accepted: {self._accepted[key].reason}")
        if comparison.status == "expected":
            return Grade("passed")
        if comparison.status == "unexpected":
            return Grade(failed, _unexpected(record, comparison))
        if comparison.verdict is Verdict.UNSUPPORTED:
            return Grade("skipped", comparison.sentence)
        unstated = f"unstated: {comparison.verdict}: {comparison.sentence}"
        if self._strict and not (self._baseline and key not in self._new):
            return Grade(failed, unstated)
        agree = comparison.verdict in (Verdict.EQUAL, Verdict.CLOSE)
        return Grade("passed") if agree else Grade("skipped", unstated)


def run_fails(run: Run, *, strict: bool) -> bool:
    """Whether something in a run is not as expected, or not as the baseline has it; see ``Grader``.

    Args:
        run: the run.
        strict: whether what is unstated, and what the baseline has and the scenarios no longer do, counts as well.
    """
    grader = Grader(run.standing, strict=strict)
    if run.standing and (run.standing.failing or (strict and run.standing.vanished)):
        return True
    return any(grader.grade(record, one).fails for record in run.cases for one in record.comparisons)


def strict_sentence(run: Run) -> str:
    """What makes a strict run fail that otherwise would not; empty where nothing does."""
    lenient, strict = Grader(run.standing), Grader(run.standing, strict=True)
    unstated = sum(
        strict.grade(record, one).fails and not lenient.grade(record, one).fails
        for record in run.cases
        for one in record.comparisons
    )
    vanished = len(run.standing.vanished) if run.standing else 0
    parts = [f"nobody says what to expect of {count(unstated, 'comparison')}"] if unstated else []
    parts += [f"{vanished:,} vanished from the baseline"] if vanished else []
    return f"--strict: {', and '.join(parts)}." if parts else ""


def place_of(record: CaseRecord, comparison: Comparison) -> Location:
    """Where the scenario file speaks of the comparison: its expectation, or else the file."""
    expectation = record.case.expectations.get(f"{comparison.left}|{comparison.right}")
    return expectation.location if expectation else record.case.location


def _by_key(deviations: Iterable[Deviation]) -> dict[tuple[str, str, str], Deviation]:
    return {one.key: one for one in deviations}


def _unexpected(record: CaseRecord, comparison: Comparison) -> str:
    because = f" ({comparison.because})" if comparison.because else ""
    return f"{comparison.verdict}, expected {expected_text(record, comparison)}{because}: {comparison.sentence}"


def _against_baseline(deviation: Deviation, comparison: Comparison) -> str:
    was = f", in the baseline {deviation.was}" if deviation.was else ", new to the baseline"
    return f"{comparison.verdict}{was}: {deviation.sentence or comparison.sentence}"
