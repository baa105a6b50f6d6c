"""The mean over a batch as NSL's Keras wrapper takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def mean_over_batch(loss_fn: Callable[..., Any]) -> Callable[..., tf.Tensor]:
    """The loss that ``nsl.keras.AdversarialRegularization`` makes of the one it was compiled with.

    It is the sum over the examples' losses divided by their number, whatever the sample weights add up to, and 0 for an
    empty batch (NSL ``_LossWrapper``). NSL does so for a loss function without a reduction and for a loss object that
    reduces by mean; one whose reduction is ``sum`` or ``none`` it leaves alone, so do not wrap that.

    Args:
        loss_fn: a Keras 2 or Keras 3 loss object, of which a copy without reduction is used, or a function of labels
            and predictions that returns one value an example.

    Returns:
        A function ``(labels, predictions, sample_weights=None) -> scalar``.
    """
    per_example = _unreduced(loss_fn) if hasattr(loss_fn, "get_config") else None

    def mean_loss(labels: Any, predictions: Any, sample_weights: Any = None) -> tf.Tensor:
        if per_example is not None:
            losses = per_example(labels, predictions, sample_weights)
        else:
            losses = _weighted(loss_fn(labels, predictions), sample_weights)
        return tf.math.divide_no_nan(tf.reduce_sum(losses), tf.cast(tf.size(losses), losses.dtype))

    return mean_loss


def _unreduced(loss: Any) -> Any:
    return type(loss).from_config({**loss.get_config(), "reduction": "none"})


def _weighted(losses: tf.Tensor, weights: Any) -> tf.Tensor:
    if weights is None:
        return losses
    weights = tf.cast(weights, losses.dtype)
    missing = losses.shape.rank - weights.shape.rank
    if missing < 0:  # (batch, 1) beside (batch,)
        return losses * tf.squeeze(weights, axis=list(range(missing, 0)))
    return losses * tf.reshape(weights, tf.concat([tf.shape(weights), [1] * missing], axis=0))
