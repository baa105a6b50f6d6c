"""The settings of adversarial regularization, with the names and defaults of ``nsl.configs``.

NSL's own objects are accepted wherever these are: only the attributes count. These are frozen, since NSL's defaults are
one mutable object that every configuration shares; change one with ``dataclasses.replace``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_NORMS = {"l1": "l1", "l2": "l2", "infinity": "linf", "linf": "linf"}


@dataclass(frozen=True)
class AdvNeighborConfig:
    """How an adversarial example is found.

    Attributes:
        feature_mask: factors in [0, 1] on the gradient, broadcasting to the features; for a collection of features a
            collection of the same structure, from which entries may be missing or None. Where it is 0 the feature is
            not
            perturbed. None: 1 everywhere.
        adv_step_size: the length of a step, in units of x.
        adv_grad_norm: ``l2``, ``l1`` or ``infinity`` (also ``linf``), or NSL's ``NormType``.
        clip_value_min: lower bound of the adversarial example, in units of x; structured as ``feature_mask``. None: no
            bound.
        clip_value_max: upper bound, likewise. It wins over a lower bound that exceeds it.
        pgd_iterations: the number of steps. 1 is the fast gradient method.
        pgd_epsilon: radius of the ball about the features onto which every step is projected, in units of x. None: no
            ball.
        random_init: start from a random point of the ball of radius ``pgd_epsilon``, or of ``adv_step_size`` without
            one.
    """

    feature_mask: Any = None
    adv_step_size: Any = 0.001
    adv_grad_norm: Any = "l2"
    clip_value_min: Any = None
    clip_value_max: Any = None
    pgd_iterations: Any = 1
    pgd_epsilon: Any = None
    random_init: bool = False

    def __post_init__(self) -> None:
        norm_of(self)


@dataclass(frozen=True)
class AdvRegConfig:
    """Adversarial regularization: the weight of the adversarial loss, which ``adversarial_loss`` itself leaves to its
    caller, and how the adversarial example is found."""

    multiplier: Any = 0.2
    adv_neighbor_config: AdvNeighborConfig = field(default_factory=AdvNeighborConfig)


def make_adv_reg_config(
    multiplier: Any = 0.2,
    feature_mask: Any = None,
    adv_step_size: Any = 0.001,
    adv_grad_norm: Any = "l2",
    clip_value_min: Any = None,
    clip_value_max: Any = None,
    pgd_iterations: Any = 1,
    pgd_epsilon: Any = None,
    random_init: bool = False,
) -> AdvRegConfig:
    """An ``AdvRegConfig`` from flat arguments, as ``nsl.configs.make_adv_reg_config`` makes one.

    Raises:
        ValueError: the norm is none.
    """
    return AdvRegConfig(
        multiplier=multiplier,
        adv_neighbor_config=AdvNeighborConfig(
            feature_mask=feature_mask,
            adv_step_size=adv_step_size,
            adv_grad_norm=adv_grad_norm,
            clip_value_min=clip_value_min,
            clip_value_max=clip_value_max,
            pgd_iterations=pgd_iterations,
            pgd_epsilon=pgd_epsilon,
            random_init=random_init,
        ),
    )


def norm_of(config: Any) -> str:
    """The norm of an ``AdvNeighborConfig``, this module's or NSL's, as ``linf``, ``l2`` or ``l1``.

    Raises:
        ValueError: it is none of these.
    """
    given = getattr(config.adv_grad_norm, "value", config.adv_grad_norm)
    try:
        return _NORMS[given]
    except (KeyError, TypeError):
        raise ValueError(f"adv_grad_norm: {given!r} is not a norm. Valid: l2, l1, infinity.") from None
