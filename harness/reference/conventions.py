"""The arithmetic conventions in which NSL and CleverHans differ, each an option with a name.

Both libraries compute the same attack on paper. What follows is every place, between the gradient and the adversarial
example, where they do not do the same floating-point operations. The other differences lie outside of this stretch and
are arguments of the attacks: where the labels come from, whether the loss is a mean or one value per example (the
factor ``1/batch`` reaches ``L2_FLOOR``), and the cast of the input to float32, which CleverHans always makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

L2_FLOOR = 1e-12
"""Below this squared l2 norm of a gradient both libraries shrink the perturbation instead of normalising it."""


@dataclass(frozen=True)
class Conventions:
    """How the step from a gradient to an adversarial example is computed.

    Attributes:
        nonfinite: what an infinite or NaN element of a gradient becomes. ``"zero"``: 0, so that this element alone is
            left unperturbed (NSL ``_GenAdvNeighbor._compute_gradient``). ``"propagate"``: itself; under l2 and l1 one
            such element spoils its whole example (CleverHans).
        l2: how a gradient is normalised. ``"rsqrt-multiply"``: ``g * rsqrt(max(sum g^2, 1e-12))`` (NSL
            ``maximize_within_unit_norm``). ``"sqrt-divide"``: ``g / sqrt(max(1e-12, sum g^2))`` (CleverHans
            ``optimize_linear``); they round differently. ``"exact"``: ``g / ||g||``, and 0 for a gradient of 0, without
            a floor and without under- or overflow of the squares.
        gradient_flow: whether an outer gradient sees how the perturbation depends on input and weights. ``"stopped"``:
            never (NSL). ``"through"``: under l2 and l1 (CleverHans); under linf the perturbation is piecewise constant.
        offset: how the perturbation is formed from a direction ``d``, a step ``s``, the position ``x`` and the start
            ``x0``. ``"difference"``: ``(d*s + x) - x0``, so that a single step from ``x0`` costs two roundings more
            (NSL ``_compute_perturbations``). ``"product"``: ``d*s``, for attacks of one step (CleverHans).
        clip: which bound wins where the lower one exceeds the upper: the one that comes last, of ``"low-then-high"``
            (NSL) or ``"high-then-low"`` (CleverHans, ``tf.clip_by_value``).
    """

    nonfinite: Literal["zero", "propagate"]
    l2: Literal["rsqrt-multiply", "sqrt-divide", "exact"]
    gradient_flow: Literal["stopped", "through"]
    offset: Literal["difference", "product"]
    clip: Literal["low-then-high", "high-then-low"]


NSL = Conventions(
    nonfinite="zero",
    l2="rsqrt-multiply",
    gradient_flow="stopped",
    offset="difference",
    clip="low-then-high",
)
"""neural-structured-learning 1.4.0."""

CLEVERHANS = Conventions(
    nonfinite="propagate",
    l2="sqrt-divide",
    gradient_flow="through",
    offset="product",
    clip="high-then-low",
)
"""cleverhans 4.0.0, ``cleverhans.tf2``."""

EXACT = Conventions(
    nonfinite="propagate",
    l2="exact",
    gradient_flow="stopped",
    offset="product",
    clip="high-then-low",
)
"""The mathematics as it is written, for the float64 yardstick."""
