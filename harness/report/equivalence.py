"""The answers of the equivalence test, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.report.text import count, printable
from harness.vocabulary import Comparison


def tests_of(comparison: Comparison) -> dict[str, Any]:
    """The test of each accuracy: clean, then under attack from the smallest epsilon to the largest; none of a single
    seed."""
    found = comparison.metrics.get("equivalence") or {}
    return {name: found[name] for name in sorted(found, key=_epsilon)}


def _epsilon(condition: str) -> float:
    return -1.0 if condition == "clean" else float(condition)


def condition_text(name: str) -> str:
    """Which accuracy: ``clean accuracy``, ``accuracy at epsilon 0.1``."""
    return "clean accuracy" if name == "clean" else f"accuracy at epsilon {printable(name)}"


def answer_text(one: Mapping[str, Any] | None) -> str:
    """``different: -31.20 points (-32.00 to -30.40), margin 1``; empty where there was no test."""
    if one is None:
        return ""
    low, high = one["interval"]
    text = f"{one['answer']}: {one['difference']:+.2f} points ({low:+.2f} to {high:+.2f}), margin {one['margin']:g}"
    if one["answer"] != "undecided":
        return text
    seeds = count(one["seeds_to_decide"], "seed") if one["seeds_to_decide"] else "no number of seeds"
    return f"{text}; {seeds} would decide it"
