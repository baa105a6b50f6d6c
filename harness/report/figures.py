"""Figures of outcomes and comparisons, of any kind, flat: one name, one value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.report.accuracies import accuracies
from harness.report.equivalence import tests_of
from harness.report.losses import losses_of
from harness.vocabulary import Comparison, Outcome, canonical_json

NORMS = ("linf", "l2", "l1")
SPREAD = ("min", "median", "max")

_LISTS = ("steps", "distance", "twin", "by_weight", "bridge")
"""Metrics of which there is one for each recorded step, weight or setting: too many for a row. In ``run.json``."""

_NUMBERS = ("nan", "inf", "-inf")


def outcome_figures(outcome: Outcome) -> dict[str, Any]:
    """The summary of an outcome: spreads as smallest, median and largest; what a seed each has as mean."""
    summary = outcome.summary
    figures: dict[str, Any] = {}
    for norm, spread in summary.get("perturbation", {}).items():
        figures |= {f"perturbation_{norm}_{part}": value for part, value in zip(SPREAD, spread, strict=True)}
    figures |= {name: value for name, value in summary.items() if not isinstance(value, (Mapping, list, tuple))}
    for when in ("clean", "adversarial"):
        figures |= {f"{when}_{name}": value for name, value in summary.get(when, {}).items()}
    figures |= losses_of(outcome)
    before, after = figures.get("clean_loss"), figures.get("adversarial_loss")
    figures["loss_increase"] = after - before if before is not None and after is not None else None
    figures |= {f"objective_{name}": value for name, value in outcome.settings.get("objective", {}).items()}
    for one in accuracies(outcome):
        figures["clean_accuracy" if one.name == "clean" else f"adversarial_accuracy_{one.name}"] = one.mean
    if "nonfinite_step" in summary:
        figures["nonfinite_step"] = summary["nonfinite_step"][0]
        figures["nonfinite_seeds"] = sum(step is not None for step in summary["nonfinite_step"])
    return figures


def comparison_figures(comparison: Comparison) -> dict[str, Any]:
    """The metrics and the tolerance of a comparison."""
    metrics = {name: value for name, value in comparison.metrics.items() if name not in _LISTS}
    metrics.pop("equivalence", None)
    for side in ("left", "right"):
        # Of each side there is also how many of its values are not finite; this is the step at which it began.
        if f"{side}_nonfinite" in metrics:
            metrics[f"{side}_nonfinite_step"] = metrics.pop(f"{side}_nonfinite")
    if "worst" in metrics:
        metrics["worst"] = {name: _number(name, value) for name, value in metrics["worst"].items()}
    for name, test in tests_of(comparison).items():
        low, high = test["interval"]
        rest = {part: value for part, value in test.items() if part != "interval"}
        metrics[f"equivalence_{name}"] = {**rest, "interval_low": low, "interval_high": high}
    return flat("", metrics) | flat("tolerance_", comparison.tolerance)


def _number(name: str, value: Any) -> Any:
    """A value, where there is one: of a gradient that a side lacks there are only words."""
    return None if name in ("left", "right") and isinstance(value, str) and value not in _NUMBERS else value


def flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings within a mapping as names joined by an underscore."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(f"{prefix}{name}_", value) if isinstance(value, Mapping) else {f"{prefix}{name}": scalar(value)}
    return found


def scalar(value: Any) -> Any:
    """A value that fits a cell: lists and mappings as JSON text."""
    return canonical_json(value) if isinstance(value, (Mapping, list, tuple)) else value
