"""Projected gradient descent under NSL's conventions; with one step it is the fast gradient method."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from harness.reference import geometry
from harness.reference.config import norm_of
from harness.reference.conventions import NSL
from harness.reference.features import Features
from harness.reference.objective import Objective, spread
from harness.vocabulary import NORMS


def perturbed(
    features: Features,
    objective: Objective,
    config: Any,
    *,
    first_gradients: Sequence[tf.Tensor | None] | None,
) -> Features:
    """Moves the features uphill, step by step (Madry et al. 2018, arXiv:1706.06083, equation 2).

    ``x <- clip(x0 + project(x + step_size * direction(mask * gradient) - x0))``, from ``x0`` or a random point near it.
    A feature that the objective does not depend on stays as it is, bounds or not.

    Args:
        features: where to start.
        objective: what to climb.
        config: an ``AdvNeighborConfig``, this package's or NSL's.
        first_gradients: those at the start, if they are known.

    Returns:
        The perturbed features. Nothing differentiates through the perturbation.

    Raises:
        ValueError, NotImplementedError, tf.errors.InvalidArgumentError: see ``adversarial_loss``.
    """
    start, norm = features.perturbable, norm_of(config)
    masks = _checked(features.aligned(config.feature_mask, name="feature_mask"), start)
    low = features.aligned(config.clip_value_min, name="clip_value_min")
    high = features.aligned(config.clip_value_max, name="clip_value_max")
    connected, radius = [True] * len(start), config.pgd_epsilon

    def positions(perturbations: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        return [
            geometry.clip(x + p, lower, upper, conventions=NSL) if reached else x
            for x, p, lower, upper, reached in zip(start, perturbations, low, high, connected, strict=True)
        ]

    def step(current: Sequence[tf.Tensor], gradients: Sequence[tf.Tensor | None]) -> list[tf.Tensor]:
        moved = _step(gradients, masks, current, start, step_size=config.adv_step_size, norm=norm, radius=radius)
        return in_place(moved)

    def in_place(perturbations: Sequence[tf.Tensor | None]) -> list[tf.Tensor]:
        connected[:] = [p is not None for p in perturbations]
        return [tf.zeros_like(x) if p is None else p for x, p in zip(start, perturbations, strict=True)]

    def next_step(taken: Any, perturbations: Sequence[tf.Tensor]) -> tuple[Any, list[tf.Tensor]]:
        current = positions(perturbations)
        return taken + 1, step(current, objective.gradients(features.holding(current)))

    if not start:
        return features
    if first_gradients is None and _is_one_plain_step(config):
        alone = objective.apply(_ONE_STEP[norm], features, config.adv_step_size)
        return features.holding(positions(in_place(alone)))
    if config.random_init:
        taken = 0
        drawn = geometry.random_point(start, radius=config.pgd_epsilon or config.adv_step_size, norm=norm)
        perturbations = [
            p if m is None else tf.where(m > 0, p, tf.zeros_like(p)) for p, m in zip(drawn, masks, strict=True)
        ]
    else:
        taken = 1
        perturbations = step(start, objective.gradients(features) if first_gradients is None else first_gradients)
    if tf.is_tensor(config.pgd_iterations) or config.pgd_iterations > taken:
        _, perturbations = tf.while_loop(
            lambda taken, _: tf.less(taken, config.pgd_iterations), next_step, (tf.constant(taken), perturbations)
        )
        # Nothing differentiates through the steps anyway, but an outer gradient would first go through the whole loop.
        perturbations = [tf.stop_gradient(p) for p in perturbations]
    return features.holding(positions(perturbations))


def _is_one_plain_step(config: Any) -> bool:
    """Whether there is one step from the features, and nothing to it but its norm and its length."""
    return (
        isinstance(config.pgd_iterations, int)
        and config.pgd_iterations == 1
        and isinstance(config.adv_step_size, (int, float))
        and config.feature_mask is None
        and config.pgd_epsilon is None
        and not config.random_init
    )


def _one_step(objective: Objective, features: Features, step_size: Any, *, norm: str) -> list[tf.Tensor | None]:
    """The perturbation after such a step; None for a feature that the objective does not depend on."""
    start = features.perturbable
    gradients, unmasked = objective.gradients(features), [None] * len(start)
    return _step(gradients, unmasked, start, start, step_size=step_size, norm=norm, radius=None)


_ONE_STEP = {norm: functools.partial(_one_step, norm=norm) for norm in NORMS}
"""One function object for one norm: what is compiled is kept by it."""


def _step(
    gradients: Sequence[tf.Tensor | None],
    masks: Sequence[tf.Tensor | None],
    current: Sequence[tf.Tensor],
    start: Sequence[tf.Tensor],
    *,
    step_size: Any,
    norm: str,
    radius: Any,
) -> list[tf.Tensor | None]:
    """The perturbation after a step from ``current``; None for a feature that has no gradient."""
    reached = [i for i, gradient in enumerate(gradients) if gradient is not None]
    directions = geometry.steepest_direction(
        [_masked(gradients[i], masks[i]) for i in reached], norm=norm, conventions=NSL
    )
    at, origin = [current[i] for i in reached], [start[i] for i in reached]
    moved = geometry.offset(directions, at, origin, step_size=step_size, conventions=NSL)
    if radius is not None:
        moved = geometry.project(moved, radius=radius, norm=norm)
    return spread(moved, (gradient is not None for gradient in gradients))


def _checked(masks: Sequence[Any], start: Sequence[tf.Tensor]) -> list[tf.Tensor | None]:
    """The masks in the dtypes of their features, and within [0, 1]."""
    checked: list[tf.Tensor | None] = []
    for mask, x in zip(masks, start, strict=True):
        if mask is None:
            checked.append(None)
            continue
        mask = tf.cast(mask, x.dtype)
        with tf.control_dependencies(
            [
                tf.debugging.assert_greater_equal(
                    mask, tf.zeros([], x.dtype), "feature_mask: below 0, values are in [0, 1]"
                ),
                tf.debugging.assert_less_equal(
                    mask, tf.ones([], x.dtype), "feature_mask: above 1, values are in [0, 1]"
                ),
            ]
        ):
            checked.append(tf.identity(mask))
    return checked


def _masked(gradient: tf.Tensor | None, mask: tf.Tensor | None) -> tf.Tensor:
    assert gradient is not None
    return gradient if mask is None else gradient * mask
