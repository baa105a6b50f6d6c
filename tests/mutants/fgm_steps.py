"""The Fast Gradient Method in the signature of CleverHans 4.0, with every step of it a switch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tests.mutants.kinds import marked

Tensor = Any

FLOOR = 1e-12
"""Below which the square of a gradient's length is no more divided by."""


def over(tensor: Tensor) -> list[int]:
    """All axes but that of the batch."""
    return list(range(1, len(tensor.shape)))


def summed(tensor: Tensor) -> Tensor:
    """The sum of each example, in a shape that broadcasts to it."""
    return tf.reduce_sum(tensor, over(tensor), keepdims=True)


def largest(tensor: Tensor) -> Tensor:
    """The maximum of each example, in a shape that broadcasts to it."""
    return tf.reduce_max(tensor, over(tensor), keepdims=True)


def gradient_of(loss: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Of the sum of the examples' losses."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x)
    return tape.gradient(value, x)


def shared_among_the_largest(gradient: Tensor) -> Tensor:
    """The direction of l1: all of it to the coordinate with the largest gradient, in even parts where several tie."""
    tied = tf.cast(tf.abs(gradient) == largest(tf.abs(gradient)), gradient.dtype)
    return tf.sign(gradient) * tied / summed(tied)


def unit_vector(gradient: Tensor) -> Tensor:
    """The direction of l2."""
    return gradient / tf.sqrt(tf.maximum(FLOOR, summed(gradient**2)))


def clipped(adversarial: Tensor, x: Tensor, low: Any, high: Any) -> Tensor:
    """Into the clip range. ``x`` is for those who clip something else."""
    return adversarial if low is None else tf.clip_by_value(adversarial, low, high)


@dataclass(frozen=True)
class Steps:
    """The method, one line a step.

    Attributes:
        inputs: x as it was given, to the tensor that is attacked.
        rounds: how the attack is applied to that tensor: ``rounds(attack, x)``.
        forward: ``forward(model_fn, x)``.
        labels: ``labels(output, y)``: those given, or without any the predicted ones. ``output()`` is the model's.
        loss_fn: from the loss function given, or None, to the one that is ascended.
        ascended: ``ascended(loss, targeted)``.
        gradient: ``gradient(loss, x)``, where ``loss`` is a function of x.
        linf, l2, l1: from the gradient to the direction of the perturbation.
        epsilon: its length: ``epsilon(eps, x)``.
        moved: ``moved(x, eps, direction)``.
        clip: ``clip(adversarial, x, low, high)``.
    """

    inputs: Callable[[Any], Tensor] = lambda x: tf.cast(x, tf.float32)
    rounds: Callable[[Callable[[Tensor], Tensor], Tensor], Tensor] = lambda attack, x: attack(x)
    forward: Callable[[Any, Tensor], Tensor] = lambda model_fn, x: model_fn(x)
    labels: Callable[[Callable[[], Tensor], Any], Any] = lambda output, y: tf.argmax(output(), 1) if y is None else y
    loss_fn: Callable[[Any], Any] = lambda loss_fn: loss_fn or tf.nn.sparse_softmax_cross_entropy_with_logits
    ascended: Callable[[Tensor, bool], Tensor] = lambda loss, targeted: -loss if targeted else loss
    gradient: Callable[[Callable[[Tensor], Tensor], Tensor], Tensor] = gradient_of
    linf: Callable[[Tensor], Tensor] = tf.sign
    l2: Callable[[Tensor], Tensor] = unit_vector
    l1: Callable[[Tensor], Tensor] = shared_among_the_largest
    epsilon: Callable[[float, Tensor], Any] = lambda eps, x: eps
    moved: Callable[[Tensor, Any, Tensor], Tensor] = lambda x, eps, direction: x + eps * direction
    clip: Callable[[Tensor, Tensor, Any, Any], Tensor] = clipped


def made_of(steps: Steps) -> Callable[..., Tensor]:
    """The attack that these steps make up."""

    def fast_gradient_method(
        model_fn: Any,
        x: Any,
        eps: float,
        norm: float,
        loss_fn: Any = None,
        clip_min: float | None = None,
        clip_max: float | None = None,
        y: Any = None,
        targeted: bool = False,
        sanity_checks: bool = False,
    ) -> Tensor:
        x = steps.inputs(x)
        labels = steps.labels(lambda: steps.forward(model_fn, x), y)
        criterion = steps.loss_fn(loss_fn)
        direction_of = {np.inf: steps.linf, 2: steps.l2, 1: steps.l1}[norm]

        def loss(x: Tensor) -> Tensor:
            return steps.ascended(criterion(labels=labels, logits=steps.forward(model_fn, x)), targeted)

        def attack(x: Tensor) -> Tensor:
            direction = direction_of(steps.gradient(loss, x))
            return steps.clip(steps.moved(x, steps.epsilon(eps, x), direction), x, clip_min, clip_max)

        return steps.rounds(attack, x)

    return fast_gradient_method


def defect(what: str, steps: Steps) -> Callable[..., Tensor]:
    """The method with one step put wrong."""
    return marked(made_of(steps), what, correct=False)


def rewriting(what: str, steps: Steps) -> Callable[..., Tensor]:
    """The method with one step written otherwise."""
    return marked(made_of(steps), what, correct=True)
