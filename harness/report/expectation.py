"""What a scenario expects of a comparison, in words."""

from __future__ import annotations

from harness.engine.record import CaseRecord
from harness.vocabulary import Comparison


def expected_answer(record: CaseRecord, comparison: Comparison) -> str:
    """What the equivalence tests must answer, all together; empty where the scenario says nothing of it."""
    expectation = record.case.expectations.get(f"{comparison.left}|{comparison.right}")
    return expectation.outcome if expectation and comparison.expected else ""


def expected_text(record: CaseRecord, comparison: Comparison) -> str:
    """``DIVERGED``, or ``DIVERGED and equivalent over the seeds``; empty where the scenario states nothing."""
    answer = expected_answer(record, comparison)
    return f"{comparison.expected} and {answer} over the seeds" if answer else comparison.expected
