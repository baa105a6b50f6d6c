"""The gradient of the cross-entropy in double precision, and a sample of what single precision makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from harness.reference.features import Features
from harness.reference.keras_parts import stamp
from harness.reference.objective import dense
from harness.reference.rounding import rounded
from harness.reference.traces import any_batch, run_unrewritten, shape_of, traces_of


@dataclass(frozen=True)
class DoubleGradient:
    """Compiled once for a model and a structure of features, for any batch size.

    Attributes:
        exact: the trace from features and labels to the gradients and the model's output, in a form that does not
            cancel.
        rough: the same from scales, features and labels, in the usual form, with every operation rounded.
        roundings: how many scales ``rough`` takes.
    """

    exact: Any
    rough: Any
    roundings: int

    @classmethod
    def of(cls, model: Callable[..., Any], features: Features, *, output: str) -> DoubleGradient:
        """The traces of this model, made at the first request and kept as long as the model.

        Raises:
            ValueError: the model is not in double precision, or does not return ``(batch, classes)`` with at least 2
                classes.
        """
        traces = traces_of(model, _cotangent)
        key = (shape_of(features.packed), output, stamp(model))
        if key not in traces:
            traces[key] = cls._traced(model, features, output=output)
        return traces[key]

    @classmethod
    def _traced(cls, model: Callable[..., Any], features: Features, *, output: str) -> DoubleGradient:
        specs = tf.nest.map_structure(any_batch, (features.packed, tf.zeros([1], tf.int64)))
        flat_specs = tf.nest.flatten(specs, expand_composites=True)

        def gradients(*flat: tf.Tensor, cancelling: bool) -> list[tf.Tensor]:
            structure, labels = tf.nest.pack_sequence_as(specs, flat, expand_composites=True)
            return _gradients(model, Features.of(structure), labels, output=output, cancelling=cancelling)

        def exactly(*flat: tf.Tensor) -> list[tf.Tensor]:
            return gradients(*flat, cancelling=False)

        def usually(*flat: tf.Tensor) -> list[tf.Tensor]:
            return gradients(*flat, cancelling=True)

        exact = tf.function(exactly).get_concrete_function(*flat_specs)
        _check(exact.outputs[-1])
        replay, roundings = rounded(tf.function(usually).get_concrete_function(*flat_specs))
        scales = tf.TensorSpec([roundings], tf.float64)
        rough = tf.function(replay).get_concrete_function(scales, *flat_specs)
        return cls(exact=exact, rough=rough, roundings=roundings)

    def at(self, features: Features, labels: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
        """The gradients of each example's loss, an array for each input that can be perturbed, and the output."""
        *gradients, output = run_unrewritten(self.exact, _arguments(features, labels))
        return [g.numpy() for g in gradients], output.numpy()

    def sample(self, features: Features, labels: np.ndarray, *, draws: int) -> tuple[list[np.ndarray], np.ndarray]:
        """The same as computed with rounding, each with a leading axis of ``draws``. The same on every call."""
        scales = np.random.default_rng(0).uniform(1.0, 2.0, (draws, self.roundings))
        arguments = _arguments(features, labels)
        drawn = [run_unrewritten(self.rough, [tf.constant(row), *arguments]) for row in scales]
        *gradients, output = (np.stack([tensor.numpy() for tensor in tensors]) for tensors in zip(*drawn, strict=True))
        return gradients, output


def exact_gradients(model: Callable[..., Any], features: Features, labels: Any, *, output: str) -> list[tf.Tensor]:
    """The gradients of ``DoubleGradient.at``, computed plainly: for one call, without a trace."""
    return _gradients(model, features, tf.convert_to_tensor(labels), output=output, cancelling=False)[:-1]


def _check(returned: tf.Tensor) -> None:
    if returned.dtype != tf.float64:
        raise ValueError(f"model: it returns {returned.dtype.name}. The yardstick needs the model in float64.")
    shape = returned.shape
    if shape.rank != 2 or (shape[1] or 2) < 2:
        raise ValueError(f"model: it returns the shape {shape}. Expected (batch, classes), with 2 classes or more.")


def _arguments(features: Features, labels: np.ndarray) -> list[tf.Tensor]:
    return tf.nest.flatten((features.leaves, tf.constant(labels, tf.int64)), expand_composites=True)


def _gradients(model: Any, features: Features, labels: tf.Tensor, *, output: str, cancelling: bool) -> list[tf.Tensor]:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(features.perturbable)
        returned = model(features.packed)
    cotangent = _cotangent(returned, labels, output=output, cancelling=cancelling)
    gradients = dense(tape.gradient([returned], features.perturbable, output_gradients=[cotangent]))
    reached = [tf.zeros_like(x) if g is None else g for x, g in zip(features.perturbable, gradients, strict=True)]
    return [*reached, returned]


def _cotangent(returned: tf.Tensor, labels: tf.Tensor, *, output: str, cancelling: bool) -> tf.Tensor:
    """The derivative of each example's cross-entropy with respect to what the model returned.

    With respect to logits it is ``p - onehot``. For the true class that cancels where the model is confident, so unless
    ``cancelling`` it is taken as minus the sum of the others. With respect to probabilities any multiple of the vector
    of ones may be added, since they sum to 1; with ``1 + dL/dp`` no entry but the true class's needs a division.
    """
    probabilities = tf.nn.softmax(returned) if output == "logits" else returned
    onehot = tf.one_hot(labels, tf.shape(returned)[-1], dtype=returned.dtype)
    if cancelling:
        by_logits = probabilities - onehot
    else:
        others = probabilities * (1 - onehot)
        by_logits = others - onehot * tf.reduce_sum(others, axis=-1, keepdims=True)
    if output == "logits":
        return by_logits
    return tf.where(onehot > 0, by_logits / probabilities, tf.ones_like(returned))
