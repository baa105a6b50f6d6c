"""How good a model is: clean accuracy, and accuracy under the fast gradient method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from harness.reference.fast_gradient import fast_gradient_method


class Evaluation:
    """Examples on which a model is evaluated, with one set of weights after the other. The attack is compiled once.

    Args:
        model: a Keras model that returns logits ``(batch, classes)``.
        inputs: its inputs by name, floating ``(examples, ...)``.
        labels: int ``(examples,)``.
        norm: of the attack: ``linf``, ``l2`` or ``l1``.
        epsilons: of the attack, in units of x.
        clip: bounds of the adversarial examples, in units of x; applied where both are given.
    """

    def __init__(
        self,
        model: Any,
        inputs: Mapping[str, np.ndarray],
        labels: np.ndarray,
        *,
        norm: str,
        epsilons: Sequence[float],
        clip: tuple[float | None, float | None] = (None, None),
    ) -> None:
        self._model, self._labels, self._epsilons = model, labels, epsilons
        self._shapes = [array.shape for array in model.get_weights()]
        self._norm = {"linf": np.inf, "l2": 2, "l1": 1}[norm]
        self._clip = clip if None not in clip else (None, None)
        # The attack takes one tensor: several named inputs, which are flat, stand in it side by side.
        self._x = tf.concat([tf.cast(array, tf.float32) for array in inputs.values()], axis=1 if len(inputs) > 1 else 0)
        widths = [array.shape[1] for array in inputs.values()]

        def in_float32(x: Any) -> Any:
            x = tf.cast(x, getattr(model, "compute_dtype", None) or tf.float32)
            given = dict(zip(inputs, tf.split(x, widths, axis=1), strict=True)) if len(inputs) > 1 else x
            return tf.cast(model(given, training=False), tf.float32)

        self._in_float32 = in_float32

    def of(self, weights: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
        """Evaluates the model with these weights.

        Args:
            weights: all of the model's, flattened, in the order of ``model.weights``.

        Returns:
            Accuracies in [0, 1]: ``clean``, and by epsilon under the fast gradient method with given labels. And the
            predicted classes of the examples as they are, int32 ``(examples,)``; -1 where the output is not finite.
        """
        self._set(weights)
        predictions = self._predicted(self._x)
        found = {"clean": self._share_right(predictions)}
        for epsilon in self._epsilons:
            attacked = fast_gradient_method(
                self._in_float32, self._x, epsilon, self._norm, None, *self._clip, y=self._labels
            )
            found[f"{epsilon:g}"] = self._share_right(self._predicted(attacked))
        return found, predictions

    def _share_right(self, predictions: np.ndarray) -> float:
        return float((predictions == self._labels).mean())

    def _predicted(self, x: Any) -> np.ndarray:
        output = np.asarray(self._in_float32(x))
        return np.where(np.isfinite(output).all(axis=1), output.argmax(axis=1), -1).astype(np.int32)

    def _set(self, flat: np.ndarray) -> None:
        ends = np.cumsum([int(np.prod(shape)) for shape in self._shapes])
        parts = np.split(flat, ends[:-1])
        self._model.set_weights([part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)])
