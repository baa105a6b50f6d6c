"""Losses of an outcome of kind loss or training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.vocabulary import Outcome


def losses_of(outcome: Outcome) -> Mapping[str, Any]:
    """``clean_loss``, ``adversarial_loss`` and ``total_loss``: of the step, or of the last one of a training."""
    return outcome.summary.get("losses") or outcome.summary.get("final") or {}


def nonfinite_text(outcome: Outcome) -> str:
    """The step at which the loss of each seed ceased to be finite: ``12``, ``12, -, 15``; empty where none did."""
    steps = outcome.summary.get("nonfinite_step", [])
    if all(step is None for step in steps):
        return ""
    return ", ".join("-" if step is None else f"{step:,}" for step in steps)
