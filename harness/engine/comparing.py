"""Compares the outcomes of one case, pair by pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

import numpy as np

from harness.engine.record import by_prefix
from harness.engine.store import Store
from harness.oracle import gradients, trajectories
from harness.oracle.equivalence import equivalences
from harness.oracle.metrics import Yardstick, compare
from harness.oracle.verdicts import Tolerance, judge, judge_statuses, sentence
from harness.vocabulary import YARDSTICK, Case, Comparison, Outcome, Verdict

_SHARED_WITH_YARDSTICK = ("epsilon", "norm", "labels", "clip", "loss", "feature_mask")
"""Settings that both sides must share with the yardstick before it may excuse a difference between them."""

_SHARED_IN_LOSS = ("loss_reduction", "smoothing", "sample_weights", "mode", "attack_mode", "gradient_flow")
"""The same of kind loss, besides. The flow only under l2: else the perturbation is piecewise constant."""


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
    inputs = by_prefix(store.get_arrays(batch), "input") if case.kind == "perturbation" else {}
    sides = {
        name: _Side(outcome, store.get_arrays(outcome.arrays), _evaluated(store, outcome))
        for name, outcome in outcomes.items()
        if outcome.arrays
    }
    pairs = combinations([outcomes[name] for name in case.subjects if name in outcomes], 2)
    compared = [_compare_pair(case, inputs, sides, left, right, tolerance) for left, right in pairs]
    return tuple(_with_note(comparison, compared) for comparison in compared)


@dataclass(frozen=True)
class _Side:
    """An outcome with its arrays, and of kind training with the predictions of the trained models."""

    outcome: Outcome
    arrays: Mapping[str, np.ndarray]
    evaluated: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def scale(self) -> float:
        return self.outcome.settings["objective"]["scale"]


def _evaluated(store: Store, outcome: Outcome) -> Mapping[str, np.ndarray]:
    evaluation = outcome.summary.get("evaluation")
    return store.get_arrays(evaluation["arrays"]) if evaluation else {}


def _compare_pair(
    case: Case,
    inputs: Mapping[str, np.ndarray],
    sides: Mapping[str, _Side],
    left: Outcome,
    right: Outcome,
    tolerance: Tolerance,
) -> Comparison:
    verdict = judge_statuses(left.status, right.status)
    if verdict is not None:
        reasons = [f"{side.subject}: {side.status}: {side.reason}" for side in (left, right) if side.status != "ok"]
        return _expected(case, Comparison(left.subject, right.subject, verdict, "; ".join(reasons)))
    metrics = _metrics(case, inputs, sides[left.subject], sides[right.subject], sides.get(YARDSTICK))
    verdict = judge(metrics, tolerance, kind=case.kind)
    return _expected(
        case,
        Comparison(
            left.subject,
            right.subject,
            verdict,
            sentence(verdict, metrics, tolerance, kind=case.kind),
            metrics=metrics,
            tolerance=asdict(tolerance),
        ),
    )


def _metrics(
    case: Case, inputs: Mapping[str, np.ndarray], left: _Side, right: _Side, yardstick: _Side | None
) -> dict[str, Any]:
    if case.kind == "training":
        metrics = trajectories.compare(
            left.arrays,
            right.arrays,
            left_predictions=left.evaluated["predictions"],
            right_predictions=right.evaluated["predictions"],
        )
        alike = left.evaluated["predictions_by_step"] == right.evaluated["predictions_by_step"]
        steps = left.outcome.summary["evaluation"]["steps"]
        metrics["agreement_by_step"] = {
            str(step): float(share) for step, share in zip(steps, alike.mean(axis=1), strict=True)
        }
        accuracies = [side.outcome.summary["evaluation"]["seeds"] for side in (left, right)]
        return metrics | {"equivalence": equivalences(*accuracies, margin=case.training["margin"])}
    excuse = _yardstick_for(case, left.outcome, right.outcome, yardstick)
    if case.kind == "loss":
        uncertainty = by_prefix(excuse.arrays, "uncertainty") if excuse else None
        return gradients.compare(
            left.arrays, right.arrays, left_scale=left.scale, right_scale=right.scale, uncertainty=uncertainty
        )
    return compare(
        inputs,
        by_prefix(left.arrays, "adversarial"),
        by_prefix(right.arrays, "adversarial"),
        epsilon=max(left.outcome.settings["epsilon"], right.outcome.settings["epsilon"]),
        yardstick=Yardstick(by_prefix(excuse.arrays, "uncertainty"), by_prefix(excuse.arrays, "undetermined"))
        if excuse
        else None,
    )


def _yardstick_for(case: Case, left: Outcome, right: Outcome, yardstick: _Side | None) -> _Side | None:
    """What float32 could know, where both sides were asked the yardstick's question; else nothing is excused."""
    if yardstick is None or yardstick.outcome.status != "ok":
        return None
    shared = _SHARED_WITH_YARDSTICK + (_SHARED_IN_LOSS if case.kind == "loss" else ())
    for name in shared:
        if name == "gradient_flow" and yardstick.outcome.settings["norm"] != "l2":
            continue
        if name in ("mode", "attack_mode") and not _depends_on_mode(case):
            continue
        if not left.settings[name] == right.settings[name] == yardstick.outcome.settings[name]:
            return None
    return yardstick


def _depends_on_mode(case: Case) -> bool:
    """Whether the model may compute something else in training; of one that is not declared nobody knows."""
    layers = [*case.model.get("before", ()), *case.model.get("layers", ())]
    return "layers" not in case.model or any(layer["kind"] in ("dropout", "batchnorm") for layer in layers)


def _expected(case: Case, comparison: Comparison) -> Comparison:
    expectation = case.expectations.get(f"{comparison.left}|{comparison.right}")
    if expectation is None:
        return comparison
    answered = not expectation.outcome or _answer(comparison) == expectation.outcome
    return Comparison(
        **{
            **vars(comparison),
            "expected": str(expectation.verdict),
            "because": expectation.because,
            "status": "expected" if _meets(comparison.verdict, expectation.verdict) and answered else "unexpected",
        }
    )


def _answer(comparison: Comparison) -> str:
    """What the equivalence tests say together: models are equivalent if they are so in every accuracy, and different
    if they are so in one. Empty where there was no test."""
    answers = {one["answer"] for one in (comparison.metrics.get("equivalence") or {}).values()}
    if "different" in answers:
        return "different"
    return next(iter(answers), "") if len(answers) < 2 else "undecided"


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
