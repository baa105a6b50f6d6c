"""Two subjects' trainings side by side (kind ``training``). No input or output.

Round-off grows along a trajectory, at a rate that depends on the model, the data and the optimizer. So a distance means
nothing by itself; it is held against that of a noise twin: the same subject from weights nudged by one unit in the last
place. A figure that does not exist is ``None``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.oracle.gradients import different_bits, relative_distance

Arrays = Mapping[str, np.ndarray]


def compare(
    left: Arrays,
    right: Arrays,
    *,
    left_predictions: np.ndarray | None = None,
    right_predictions: np.ndarray | None = None,
) -> dict[str, Any]:
    """Figures of two trainings from the same weights on the same batches.

    Losses are not compared: with another weighting they are other numbers on the same trajectory.

    Args:
        left, right: of each side ``total_loss`` ``(seeds, steps)``; ``steps`` int ``(recorded,)``, after how many steps
            the weights of the first seed were recorded, from 0 to the end; ``trajectory`` ``(recorded, params)``, those
            weights, and ``twin_distance`` ``(recorded,)``, how far the noise twin was from them, relative to their
            length; ``final_weights`` ``(seeds, params)``.
        left_predictions, right_predictions: int ``(seeds, examples)``, predicted classes at the end.

    Returns:
        See ``harness/docs/METRICS.md``. ``times_twin`` is what a verdict is made of; ``None`` when no tolerance would
        do. ``agreement_by_step`` and ``equivalence`` are ``None``: they rest on evaluations.

    Raises:
        ValueError: the sides have different numbers of weights, seeds or predictions.
    """
    _refuse_other_shapes(left, right)
    steps, at_left, at_right = np.intersect1d(left["steps"], right["steps"], return_indices=True)
    rows = [(left["trajectory"][i], right["trajectory"][j]) for i, j in zip(at_left, at_right, strict=True)]
    distances = [_distance(a, b) for a, b in rows]
    twins = _envelope(left["twin_distance"][at_left], right["twin_distance"][at_right])
    times = _times_twin(steps, distances, twins) if _stop_alike(left, right) else None
    most = int(np.argmax(times)) if times else None
    finite = [distance for distance in distances if distance is not None]
    seeds = len(left["final_weights"])
    return {
        "elements": int(left["trajectory"].shape[1]),
        "differing": int(_differs(left["trajectory"][-1], right["trajectory"][-1]).sum()),
        "first_difference": _first_difference(left["steps"], right["steps"], steps, rows),
        "steps": [int(step) for step in steps],
        "distance": distances,
        "twin": twins,
        "final_distance": distances[-1] if distances else None,
        "max_distance": max(finite, default=None),
        "times_twin": times[most] if times and most is not None else None,
        "times_twin_step": int(steps[most]) if most is not None else None,
        "left_nonfinite": _nonfinite_step(left),
        "right_nonfinite": _nonfinite_step(right),
        "seeds": seeds,
        "differing_seeds": sum(
            bool(_differs(left["final_weights"][seed], right["final_weights"][seed]).any()) for seed in range(seeds)
        ),
        "incomparable_seeds": int((_is_finite(left["final_weights"]) != _is_finite(right["final_weights"])).sum()),
        "agreement": _agreement(left_predictions, right_predictions),
        "agreement_by_step": None,
        "equivalence": None,
    }


def _refuse_other_shapes(left: Arrays, right: Arrays) -> None:
    for words, name, axis in (("weights", "trajectory", 1), ("seeds", "final_weights", 0)):
        numbers = [side[name].shape[axis] for side in (left, right)]
        if numbers[0] != numbers[1]:
            raise ValueError(f"expected as many {words} on both sides, got {numbers[0]:,} and {numbers[1]:,}")


def _is_finite(weights: np.ndarray) -> np.ndarray:
    """Of each row, whether all of it is finite."""
    return np.asarray(np.isfinite(weights).all(axis=1))


def _distance(left: np.ndarray, right: np.ndarray) -> float | None:
    with np.errstate(invalid="ignore"):
        return relative_distance(left.astype(np.float64), right.astype(np.float64))


def _differs(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """In any bit; in value, where the precisions differ. Which NaN it is, is the processor's and says nothing."""
    both_nan = np.isnan(left) & np.isnan(right)
    return (different_bits(left, right) if left.dtype == right.dtype else np.asarray(left != right)) & ~both_nan


def _first_difference(left: np.ndarray, right: np.ndarray, common: np.ndarray, rows: list[Any]) -> int | None:
    """The first recorded step at which any weight differs, or that only one side came to."""
    places = [int(step) for step, (a, b) in zip(common, rows, strict=True) if _differs(a, b).any()]
    return min([*places, *(int(step) for step in np.setxor1d(left, right))], default=None)


def _nonfinite_step(side: Arrays) -> int | None:
    """The first step, counted from 1, whose loss is not finite; else after which recorded weights are not."""
    losses = np.flatnonzero(~np.isfinite(side["total_loss"][0])) + 1
    # Weights show it one step earlier, but only where they happen to be recorded.
    found = losses if len(losses) else side["steps"][~_is_finite(side["trajectory"])]
    return int(found[0]) if len(found) else None


def _stop_alike(left: Arrays, right: Arrays) -> bool:
    """Whether both sides stay finite, or both cease to be at the same recorded step."""
    stops = []
    for side in (left, right):
        first, recorded = _nonfinite_step(side), side["steps"]
        # The first record that could show it; a side that stopped before it has the last one.
        seen = None if first is None else int(recorded[min(np.searchsorted(recorded, first), len(recorded) - 1)])
        weights = np.flatnonzero(~_is_finite(side["trajectory"]))
        stops.append((seen, int(recorded[weights[0]]) if len(weights) else None, int(recorded[-1])))
    return stops[0] == stops[1]


def _envelope(left: np.ndarray, right: np.ndarray) -> list[float | None]:
    """The largest distance of either twin so far; ``None`` until there is one. A twin that is not finite adds none."""
    largest = np.fmax.accumulate(np.fmax(*(np.where(np.isfinite(side), side, np.nan) for side in (left, right))))
    return [None if np.isnan(value) else float(value) for value in largest]


def _times_twin(steps: np.ndarray, distances: list[float | None], twins: list[float | None]) -> list[float] | None:
    """Distance over that of the twin, of each recorded step before weights cease to be finite.

    ``None`` when there is nothing to judge by: a distance beside a twin that has none, or the initial weights alone,
    which are the same by construction, while there are steps behind them.
    """
    times = []
    for distance, twin in zip(distances, twins, strict=True):
        if distance is None:
            break
        ratio = 0.0 if distance == 0 else distance / twin if twin else math.inf
        if math.isinf(ratio):
            return None
        times.append(ratio)
    return times if len(times) > 1 or len(times) == len(steps) == 1 else None


def _agreement(left: np.ndarray | None, right: np.ndarray | None) -> float | None:
    if left is None or right is None or left.size == 0:
        return None
    if left.shape != right.shape:
        raise ValueError(f"expected predictions of the same seeds and examples, got {left.shape} and {right.shape}")
    return float((left == right).mean())
