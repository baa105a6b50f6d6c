"""Compares the outcomes of one case, pair by pair."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from harness.engine.judging import with_figures, with_notes, without_figures
from harness.engine.record import by_prefix, comparison_of
from harness.engine.store import Store
from harness.oracle import gradients, trajectories
from harness.oracle.equivalence import equivalences
from harness.oracle.metrics import Yardstick, compare
from harness.oracle.verdicts import Tolerance
from harness.vocabulary import YARDSTICK, Case, Comparison, Outcome

_SHARED_WITH_YARDSTICK = ("epsilon", "norm", "labels", "clip", "loss", "feature_mask")
"""Settings that both sides must share with the yardstick before it may excuse a difference between them."""

_SHARED_IN_LOSS = ("loss_reduction", "smoothing", "sample_weights", "mode", "attack_mode", "gradient_flow")
"""The same of kind loss, besides. The flow only under l2: else the perturbation is piecewise constant."""


def compare_case(
    store: Store,
    case: Case,
    batch: str,
    outcomes: Mapping[str, Outcome],
    tolerance: Tolerance,
    *,
    against: str | None = None,
) -> tuple[Comparison, ...]:
    """All comparisons of a case.

    Args:
        store: where the arrays lie.
        case: the case.
        batch: hash of its batch.
        outcomes: by subject.
        tolerance: what counts as round-off.
        against: a subject; only the pairs that it is one of are compared. ``None``: every pair.
    """
    inputs = _inputs(store.root, batch) if case.kind == "perturbation" else {}
    arrays = functools.cache(store.get_arrays)  # subjects that agree bit for bit have the same
    sides = {name: side_of(outcome, arrays) for name, outcome in outcomes.items() if outcome.arrays}
    every = combinations([outcomes[name] for name in case.subjects if name in outcomes], 2)
    pairs = [pair for pair in every if against is None or against in (pair[0].subject, pair[1].subject)]
    compared = [_compare_pair(case, inputs, sides, left, right, tolerance) for left, right in pairs]
    return tuple(comparison_of(vars(one)) for one in with_notes(compared))


@functools.lru_cache(maxsize=8)
def _inputs(store: Path, batch: str) -> Mapping[str, np.ndarray]:
    """Many cases one after the other have the same."""
    return by_prefix(Store(store).get_arrays(batch), "input")


@dataclass(frozen=True)
class Side:
    """An outcome with its arrays, and of kind training with the predictions of the trained models."""

    outcome: Outcome
    arrays: Mapping[str, np.ndarray]
    evaluated: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def scale(self) -> float:
        return self.outcome.settings["objective"]["scale"]


def side_of(outcome: Outcome, arrays: Callable[[str], Mapping[str, np.ndarray]]) -> Side:
    """An outcome that has arrays, with them. ``arrays`` gets them by their hash."""
    evaluation = outcome.summary.get("evaluation")
    return Side(outcome, arrays(outcome.arrays), arrays(evaluation["arrays"]) if evaluation else {})


def _compare_pair(
    case: Case,
    inputs: Mapping[str, np.ndarray],
    sides: Mapping[str, Side],
    left: Outcome,
    right: Outcome,
    tolerance: Tolerance,
) -> Comparison:
    decided = without_figures(case, left, right)
    if decided is not None:
        return decided
    metrics = metrics_of(case, inputs, sides[left.subject], sides[right.subject], sides.get(YARDSTICK))
    return with_figures(case, left.subject, right.subject, metrics, tolerance)


def metrics_of(
    case: Case, inputs: Mapping[str, np.ndarray], left: Side, right: Side, yardstick: Side | None
) -> dict[str, Any]:
    """Figures of two outcomes of a case, by its kind.

    Args:
        case: the case.
        inputs: its inputs by name; kind perturbation only.
        left, right: the two.
        yardstick: that of the case, if there is one; it excuses only where both sides share its settings.
    """
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


def _yardstick_for(case: Case, left: Outcome, right: Outcome, yardstick: Side | None) -> Side | None:
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
