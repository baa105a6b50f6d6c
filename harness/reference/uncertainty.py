"""How far an adversarial example may move when its gradient is known only up to a sample of rounded ones.

All inputs of an example lie side by side: arrays of float64 ``(batch, n)``, samples ``(draws, batch, n)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from harness.reference import geometry
from harness.reference.conventions import EXACT

MARGIN = 4.0
"""How many times its spread over the draws a quantity must be away from 0 for its sign to be known.

Calibrated together with ``rounding.AMPLIFICATION``: over dense, convolutional and normalised models with relu, tanh and
gelu, random, trained, confident and with tiny weights, float32 gradients computed in ten correct ways had a wrong sign
only within 0.94 spreads of 0, and were 6.2 spreads off at worst."""


@dataclass(frozen=True)
class Step:
    """One step of the fast gradient method.

    Attributes:
        x: where it starts.
        epsilon: its length, in units of x.
        norm: ``linf``, ``l2`` or ``l1``.
        low, high: bounds of the result, in units of x, or None.
    """

    x: np.ndarray
    epsilon: float
    norm: str
    low: float | None
    high: float | None

    def along(self, gradient: np.ndarray) -> np.ndarray:
        """The adversarial examples for these gradients."""
        direction = geometry.steepest_direction([tf.constant(gradient)], norm=self.norm, conventions=EXACT)
        return self.clipped(self.x + self.epsilon * direction[0].numpy())

    def clipped(self, adversarial: np.ndarray) -> np.ndarray:
        """Brought within the bounds."""
        return geometry.clip(tf.constant(adversarial), self.low, self.high, conventions=EXACT).numpy()


def is_undetermined(exact: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Where the sign of ``exact`` cannot be known. What is 0 in every draw as well is known."""
    spread = _spread(exact, drawn)
    return ~((np.abs(exact) > MARGIN * spread) | ((exact == 0) & (spread == 0)))


def uncertainty(step: Step, gradient: np.ndarray, drawn: np.ndarray, undetermined: np.ndarray) -> np.ndarray:
    """How far each coordinate of ``step.along(gradient)`` may move, in units of x; never out of the ball of linf.

    linf: anywhere in the ball where the sign is undetermined. l2: ``MARGIN`` times the spread of the draws' adversarial
    examples, and at least to x where the sign is undetermined. l1: every coordinate that may turn out to be among the
    largest may get all of epsilon or nothing.
    """
    adversarial = step.along(gradient)
    down, up = step.clipped(step.x - step.epsilon), step.clipped(step.x + step.epsilon)
    anywhere = np.maximum(np.abs(adversarial - down), np.abs(adversarial - up))
    anywhere = np.where(np.isfinite(anywhere), anywhere, 2 * step.epsilon)
    to_start = np.abs(adversarial - step.clipped(step.x))
    if step.norm == "linf":
        return np.where(undetermined, anywhere, 0.0)
    if step.norm == "l2":
        moved = MARGIN * _spread(adversarial, np.stack([step.along(one) for one in drawn]))
        return np.minimum(np.where(undetermined, np.maximum(moved, to_start), moved), anywhere)
    end = np.where(gradient > 0, up, down)
    all_or_nothing = np.maximum(to_start, np.abs(adversarial - end))
    return np.where(_may_be_largest(gradient, drawn), np.where(undetermined, anywhere, all_or_nothing), 0.0)


def _may_be_largest(gradient: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Which coordinates may attain the largest magnitude of their example, where that is not certain."""
    magnitude, drawn = np.abs(gradient), np.abs(drawn)
    largest = magnitude.argmax(axis=1)[:, None]
    behind = np.take_along_axis(magnitude, largest, axis=1) - magnitude
    drawn_behind = np.take_along_axis(drawn, largest[None], axis=2) - drawn
    contenders = ~(behind > MARGIN * _spread(behind, drawn_behind))
    tied = (behind == 0) & (drawn_behind == 0).all(axis=0)
    certain = (contenders == tied).all(axis=1, keepdims=True)
    return contenders & ~certain


def _spread(exact: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Root mean square distance of the draws from the exact value; infinite where any of them is not finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        distance = np.abs(drawn - exact)
        largest = distance.max(axis=0)
        # Relative to the largest, since the squares of distances of 1e-200 would vanish.
        scaled = distance / np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
        spread = largest * np.sqrt(np.mean(np.square(scaled), axis=0))
    return np.where(np.isfinite(spread), spread, np.inf)
