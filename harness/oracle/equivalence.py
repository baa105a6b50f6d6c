"""Whether two ways of training lead to equally good models, over several seeds.

A paired test of equivalence: two one-sided tests (Schuirmann 1987, "A comparison of the two one-sided tests procedure
and the power approach for assessing the equivalence of average bioavailability", J. Pharmacokinet. Biopharm. 15, 657),
in the form of its confidence interval.

A difference that a t-test does not find significant is no equivalence: with few seeds, or noisy ones, no difference is
ever significant, so the less is known the more would pass. Here the burden is the other way round. A difference of at
least the margin is the hypothesis that the data must refute, and what they leave open is called undecided.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

MAX_SEEDS = 10_000
"""More than this nobody trains: a question that would need them is called undecidable."""

_DIGITS = 9
"""Of differences in percentage points. Accuracies are ratios of counts; what lies beyond is the round-off of them."""


def equivalence(left: Sequence[float], right: Sequence[float], *, margin: float, alpha: float = 0.05) -> dict[str, Any]:
    """Tests the mean difference of accuracies, paired by seed, against a margin.

    Args:
        left, right: accuracies in [0, 1], one of each seed, in the same order.
        margin: the largest difference that does not matter, in percentage points.
        alpha: error level of each one-sided test; the interval covers ``1 - 2 * alpha``.

    Returns:
        ``difference``: the mean of right - left, in percentage points; ``interval``: ``[low, high]`` of it;
        ``margin``; ``answer``: ``"equivalent"`` when the interval lies within (-margin, margin), ``"different"`` when
        it lies wholly beyond one of the two, else ``"undecided"``; ``seeds``: how many there were;
        ``seeds_to_decide``: the smallest number that would decide it if mean and standard deviation stayed what they
        are, ``None`` if it is decided or no number up to ``MAX_SEEDS`` would.

    Raises:
        ValueError: sides of different lengths, fewer than two seeds, an accuracy outside of [0, 1], a negative margin.
    """
    accuracies = np.array([left, right], np.float64) if len(left) == len(right) else np.empty((2, 0))
    if accuracies.ndim != 2 or accuracies.shape[1] < 2:
        raise ValueError(f"expected accuracies of the same two seeds or more, got {len(left)} and {len(right)}")
    if not ((accuracies >= 0) & (accuracies <= 1)).all():
        raise ValueError("expected accuracies in [0, 1]")
    if not margin >= 0:
        raise ValueError(f"expected a margin of 0 or more percentage points, got {margin}")
    differences = np.round(100 * (accuracies[1] - accuracies[0]), _DIGITS)
    seeds = len(differences)
    # Of equal numbers, mean and deviation as computed are off by a rounding, which would decide between the answers.
    constant = np.ptp(differences) == 0
    mean = float(differences[0] if constant else differences.mean())
    deviation = 0.0 if constant else float(differences.std(ddof=1))
    half = _half_width(deviation, seeds, alpha)
    answer = _answer(mean, half, margin)
    return {
        "difference": mean,
        "interval": [mean - half, mean + half],
        "margin": float(margin),
        "answer": answer,
        "seeds": seeds,
        "seeds_to_decide": _seeds_to_decide(mean, deviation, margin, alpha) if answer == "undecided" else None,
    }


def equivalences(left: Mapping[str, Any], right: Mapping[str, Any], *, margin: float) -> dict[str, Any] | None:
    """The test of each accuracy that two outcomes were evaluated for.

    Args:
        left, right: ``clean_accuracy``, one of each seed, and ``adversarial_accuracy``, the same by epsilon.
        margin: in percentage points.

    Returns:
        ``clean``, and by epsilon; ``None`` with a single seed, from which nothing can be concluded.

    Raises:
        ValueError: as ``equivalence``; KeyError: an epsilon is missing on the right.
    """
    if len(left["clean_accuracy"]) == len(right["clean_accuracy"]) == 1:
        return None
    answers = {"clean": equivalence(left["clean_accuracy"], right["clean_accuracy"], margin=margin)}
    for epsilon, accuracies in left["adversarial_accuracy"].items():
        answers[epsilon] = equivalence(accuracies, right["adversarial_accuracy"][epsilon], margin=margin)
    return answers


def _half_width(deviation: float, seeds: int, alpha: float) -> float:
    # scipy.stats.t.ppf is this function, behind a slow import.
    from scipy.special import stdtrit

    return float(stdtrit(seeds - 1, 1 - alpha)) * deviation / seeds**0.5


def _answer(mean: float, half: float, margin: float) -> str:
    if abs(mean) + half < margin:
        return "equivalent"
    return "different" if abs(mean) - half > margin else "undecided"


def _seeds_to_decide(mean: float, deviation: float, margin: float, alpha: float) -> int | None:
    numbers = range(2, MAX_SEEDS + 1)
    # The interval shrinks with every seed, so what is decided stays decided.
    found = bisect_left(
        numbers, True, key=lambda seeds: _answer(mean, _half_width(deviation, seeds, alpha), margin) != "undecided"
    )
    return numbers[found] if found < len(numbers) else None
