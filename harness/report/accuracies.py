"""Accuracies of what a subject trained, over steps and over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.vocabulary import Outcome

COVERAGE = 0.9
"""Of the interval over seeds, as the equivalence test has it."""


@dataclass(frozen=True)
class Accuracy:
    """One accuracy of one subject, in [0, 1], on the test split.

    Attributes:
        name: ``clean``, or the epsilon of the attack that it was measured under.
        steps: after how many steps it was measured.
        values: at these, of the first seed.
        seeds: of each seed, at the end.
    """

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]
    seeds: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over the seeds, at the end."""
        return float(np.mean(self.seeds))

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the mean over seeds is to be expected, 90 %, by Student's t; ``None`` with a single seed."""
        if len(self.seeds) < 2:
            return None
        from scipy.special import stdtrit  # what scipy.stats has behind a slow import

        quantile = float(stdtrit(len(self.seeds) - 1, (1 + COVERAGE) / 2))
        half = quantile * float(np.std(self.seeds, ddof=1)) / len(self.seeds) ** 0.5
        return max(0.0, self.mean - half), min(1.0, self.mean + half)


def accuracies(outcome: Outcome) -> list[Accuracy]:
    """Clean accuracy, then under attack from the smallest epsilon to the largest; none where nothing was evaluated."""
    evaluation = outcome.summary.get("evaluation")
    if not evaluation:
        return []
    steps, seeds = tuple(evaluation["steps"]), evaluation["seeds"]
    under_attack = evaluation["adversarial_accuracy"]
    found = [_accuracy("clean", steps, evaluation["clean_accuracy"], seeds["clean_accuracy"])]
    for epsilon in sorted(under_attack, key=float):
        found.append(_accuracy(epsilon, steps, under_attack[epsilon], seeds["adversarial_accuracy"][epsilon]))
    return found


def _accuracy(name: str, steps: tuple[int, ...], values: Sequence[Any], seeds: Sequence[Any]) -> Accuracy:
    return Accuracy(name, steps, tuple(values), tuple(seeds))
