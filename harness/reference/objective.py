"""The loss as a function of the features alone: its value and its gradient, plainly or compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from harness.reference.features import Features


@dataclass(frozen=True)
class Objective:
    """``loss_fn(labels, model(features), sample_weights)``.

    Attributes:
        model: a callable of the features.
        loss_fn: a callable of labels, predictions and sample weights (or None), in this order.
        labels: whatever ``loss_fn`` takes.
        sample_weights: likewise.
    """

    model: Callable[..., Any]
    loss_fn: Callable[..., Any]
    labels: Any
    sample_weights: Any

    def value(self, features: Features) -> tf.Tensor:
        """The loss. Outer tapes record it."""
        return self.loss_fn(self.labels, self.model(features.packed), self.sample_weights)

    def gradients(self, features: Features) -> list[tf.Tensor | None]:
        """Its gradient with respect to each feature that can be perturbed; None for one that it does not depend on."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(features.perturbable)
            value = self.value(features)
        return dense(tape.gradient(value, features.perturbable))

    def apply(
        self, function: Callable[[Objective, Features, Any], list[tf.Tensor | None]], features: Features, number: float
    ) -> list[tf.Tensor | None]:
        """``function(objective, features, number)``: one tensor for each feature that can be perturbed, or None.

        Args:
            function: of a module, and a function of nothing else. Nothing differentiates through it.
            features: the features.
            number: in double precision where it comes as a tensor.
        """
        return function(self, features, number)


def spread(tensors: Iterable[tf.Tensor], present: Iterable[bool]) -> list[tf.Tensor | None]:
    """The tensors in the places where there is one, None in the others."""
    remaining = iter(tensors)
    return [next(remaining) if there else None for there in present]


def dense(gradients: list[Any]) -> list[tf.Tensor | None]:
    """Gradients of gathered features come as ``tf.IndexedSlices``."""
    return [None if g is None else tf.convert_to_tensor(g) for g in gradients]
