"""Compares the outcomes of one case, pair by pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from harness.engine.record import by_prefix
from harness.engine.store import Store
from harness.oracle.metrics import Yardstick, compare
from harness.oracle.verdicts import Tolerance, judge, judge_statuses, sentence
from harness.vocabulary import YARDSTICK, Case, Comparison, Outcome, Verdict

_SHARED_WITH_YARDSTICK = ("epsilon", "norm", "labels", "clip", "loss", "feature_mask")
"""Settings that both sides must share with the yardstick before it may excuse a difference between them."""


def compare_case(
    store: Store, case: Case, batch: str, outcomes: Mapping[str, Outcome], tolerance: Tolerance
) -> tuple[Comparison, ...]:
    """All comparisons of a case.

    Args:
        store: where the arrays lie.
        case: the case.
        batch: hash of its batch.
        outcomes: by subject.
        tolerance: what counts as round-off.
    """
    inputs = by_prefix(store.get_arrays(batch), "input")
    arrays = {name: store.get_arrays(outcome.arrays) for name, outcome in outcomes.items() if outcome.arrays}
    pairs = combinations([name for name in case.subjects if name in outcomes], 2)
    compared = [
        _compare_pair(case, inputs, arrays, outcomes[left], outcomes[right], outcomes.get(YARDSTICK), tolerance)
        for left, right in pairs
    ]
    return tuple(_with_note(comparison, compared) for comparison in compared)


def _compare_pair(
    case: Case,
    inputs: Mapping[str, np.ndarray],
    arrays: Mapping[str, Mapping[str, np.ndarray]],
    left: Outcome,
    right: Outcome,
    yardstick: Outcome | None,
    tolerance: Tolerance,
) -> Comparison:
    verdict = judge_statuses(left.status, right.status)
    if verdict is not None:
        reasons = [f"{side.subject}: {side.status}: {side.reason}" for side in (left, right) if side.status != "ok"]
        return _expected(case, Comparison(left.subject, right.subject, verdict, "; ".join(reasons)))
    metrics = compare(
        inputs,
        by_prefix(arrays[left.subject], "adversarial"),
        by_prefix(arrays[right.subject], "adversarial"),
        epsilon=max(left.settings["epsilon"], right.settings["epsilon"]),
        yardstick=_yardstick_for(left, right, arrays, yardstick),
    )
    verdict = judge(metrics, tolerance)
    return _expected(
        case,
        Comparison(
            left.subject,
            right.subject,
            verdict,
            sentence(verdict, metrics, tolerance),
            metrics=metrics,
            tolerance=asdict(tolerance),
        ),
    )


def _yardstick_for(
    left: Outcome, right: Outcome, arrays: Mapping[str, Mapping[str, np.ndarray]], yardstick: Outcome | None
) -> Yardstick | None:
    """What float32 could know, where both sides were asked the yardstick's question; else nothing is excused."""
    if yardstick is None or yardstick.status != "ok":
        return None
    for name in _SHARED_WITH_YARDSTICK:
        if not left.settings[name] == right.settings[name] == yardstick.settings[name]:
            return None
    measured = arrays[YARDSTICK]
    return Yardstick(by_prefix(measured, "uncertainty"), by_prefix(measured, "undetermined"))


def _expected(case: Case, comparison: Comparison) -> Comparison:
    expectation = case.expectations.get(f"{comparison.left}|{comparison.right}")
    if expectation is None:
        return comparison
    return Comparison(
        **{
            **vars(comparison),
            "expected": str(expectation.verdict),
            "because": expectation.because,
            "status": "expected" if _meets(comparison.verdict, expectation.verdict) else "unexpected",
        }
    )


def _meets(verdict: Verdict, expected: Verdict) -> bool:
    """Bit for bit is within round-off, too: which of the two it is depends on the processor."""
    return verdict is expected or (verdict, expected) == (Verdict.EQUAL, Verdict.CLOSE)


def _with_note(comparison: Comparison, compared: list[Comparison]) -> Comparison:
    """Two float32 results can agree and both be far from double precision: no divergence and no proof, but said."""
    if comparison.verdict not in (Verdict.EQUAL, Verdict.CLOSE) or YARDSTICK in (comparison.left, comparison.right):
        return comparison
    from_yardstick: dict[str, Any] = {other.left: other.verdict for other in compared if other.right == YARDSTICK}
    if all(from_yardstick.get(side) is Verdict.DIVERGED for side in (comparison.left, comparison.right)):
        note = f"{comparison.sentence}; both differ from {YARDSTICK} beyond round-off"
        return Comparison(**{**vars(comparison), "sentence": note})
    return comparison
