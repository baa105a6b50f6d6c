"""Defects of the Fast Gradient Method: whose loss is ascended, and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tests.mutants.fgm_steps import (
    Steps,
    Tensor,
    defect,
    gradient_of,
    largest,
    over,
    summed,
)

CROSS_ENTROPY = tf.nn.sparse_softmax_cross_entropy_with_logits


def by_default(loss: Any) -> Any:
    """The loss in the place of cross-entropy, where none is given: ``loss(labels, logits)``."""
    return lambda given: given or (lambda labels, logits: loss(labels, logits))


def one_hot(labels: Any, logits: Tensor) -> Tensor:
    return tf.one_hot(labels, logits.shape[1])


# What is ascended.

descends = defect("descends where it should ascend", Steps(ascended=lambda loss, targeted: loss if targeted else -loss))
target_ignored = defect("ascends the loss of a target, too", Steps(ascended=lambda loss, targeted: loss))
always_targeted = defect("descends the loss of every label", Steps(ascended=lambda loss, targeted: -loss))


# Labels.

least_likely = defect(
    "least likely class for the predicted", Steps(labels=lambda output, y: tf.argmin(output(), 1) if y is None else y)
)
second_likely = defect(
    "second likely class for the predicted",
    Steps(labels=lambda output, y: tf.math.top_k(output(), 2).indices[:, 1] if y is None else y),
)
last_of_tied = defect(
    "last of the tied predictions",
    Steps(labels=lambda output, y: output().shape[1] - 1 - tf.argmax(tf.reverse(output(), [1]), 1) if y is None else y),
)
given_ignored = defect(
    "predicted labels though others are given", Steps(labels=lambda output, y: tf.argmax(output(), 1))
)
off_by_one = defect(
    "labels counted from one",
    Steps(labels=lambda output, y: tf.maximum((tf.argmax(output(), 1) if y is None else tf.cast(y, tf.int64)) - 1, 0)),
)
first_for_all = defect(
    "first example's label for all",
    Steps(labels=lambda output, y: tf.fill(tf.shape(output())[:1], (tf.argmax(output(), 1) if y is None else y)[0])),
)


def _spread(labels: Any, logits: Tensor) -> Tensor:
    distribution = labels if len(labels.shape) > 1 else one_hot(labels, logits)
    return tf.nn.softmax_cross_entropy_with_logits(distribution, logits)


def _all_tied(output: Any, y: Any) -> Any:
    if y is not None:
        return y
    tied = tf.cast(output() == largest(output()), tf.float32)
    return tied / summed(tied)


ties_spread = defect("spreads the label over tied predictions", Steps(labels=_all_tied, loss_fn=by_default(_spread)))
narrow_one_hot = defect(
    "as many classes as the batch happens to have",
    Steps(
        loss_fn=by_default(
            lambda labels, logits: tf.nn.softmax_cross_entropy_with_logits(
                tf.one_hot(labels, int(tf.reduce_max(labels)) + 1), logits
            )
        )
    ),
)
ten_classes = defect(
    "ten classes, whatever the model has",
    Steps(
        loss_fn=by_default(
            lambda labels, logits: tf.nn.softmax_cross_entropy_with_logits(tf.one_hot(labels, 10), logits)
        )
    ),
)


# The loss.

loss_fn_ignored = defect("a loss that is given is not used", Steps(loss_fn=lambda given: CROSS_ENTROPY))
loss_arguments_swapped = defect(
    "a given loss gets labels for logits",
    Steps(loss_fn=lambda given: (lambda labels, logits: given(logits, labels)) if given else CROSS_ENTROPY),
)
softmax_twice = defect("one more softmax", Steps(forward=lambda model_fn, x: tf.nn.softmax(model_fn(x))))


def _recognised(labels: Any, output: Tensor) -> Tensor:
    probabilities = np.allclose(tf.reduce_sum(output, 1), 1.0) and float(tf.reduce_min(output)) >= 0
    return CROSS_ENTROPY(labels, tf.math.log(output) if probabilities else output)


guesses_probabilities = defect("takes what adds up to one for probabilities", Steps(loss_fn=by_default(_recognised)))
undone_softmax = defect(
    "Keras's cross-entropy, which finds the model's softmax and undoes it",
    Steps(
        loss_fn=by_default(
            lambda labels, logits: tf.keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        )
    ),
)
clipped_probabilities = defect(
    "cross-entropy of probabilities kept 1e-7 from 0 and 1",
    Steps(
        loss_fn=by_default(
            lambda labels, logits: tf.keras.losses.sparse_categorical_crossentropy(labels, tf.nn.softmax(logits) + 0.0)
        )
    ),
)
smoothed = defect(
    "labels smoothed by a tenth",
    Steps(
        loss_fn=by_default(
            lambda labels, logits: tf.keras.losses.categorical_crossentropy(
                one_hot(labels, logits), logits, from_logits=True, label_smoothing=0.1
            )
        )
    ),
)
mean_loss = defect(
    "mean over the batch, before the floor of l2",
    Steps(
        loss_fn=lambda given: (
            lambda labels, logits: tf.reduce_mean((given or CROSS_ENTROPY)(labels=labels, logits=logits))
        )
    ),
)
worst_loss = defect(
    "loss of the worst example only",
    Steps(
        loss_fn=lambda given: (
            lambda labels, logits: tf.reduce_max((given or CROSS_ENTROPY)(labels=labels, logits=logits))
        )
    ),
)
bare_logit = defect(
    "logit of the label in place of its cross-entropy",
    Steps(loss_fn=by_default(lambda labels, logits: -tf.gather(logits, labels, batch_dims=1))),
)
sigmoids = defect(
    "one sigmoid a class in place of the softmax",
    Steps(
        loss_fn=by_default(
            lambda labels, logits: tf.nn.sigmoid_cross_entropy_with_logits(one_hot(labels, logits), logits)
        )
    ),
)
tempered = defect("logits halved", Steps(forward=lambda model_fn, x: model_fn(x) / 2))
erring_left_alone = defect(
    "examples that err already are left alone",
    Steps(
        loss_fn=by_default(
            lambda labels, logits: (
                CROSS_ENTROPY(labels, logits) * tf.cast(tf.argmax(logits, 1) == tf.cast(labels, tf.int64), tf.float32)
            )
        )
    ),
)


# The model and its gradient.

training_mode = defect("model in training mode", Steps(forward=lambda model_fn, x: model_fn(x, training=True)))
squeezed = defect("output squeezed", Steps(forward=lambda model_fn, x: tf.squeeze(model_fn(x))))
bytes_attacked = defect(
    "gradient at x rounded to 8 bits",
    Steps(gradient=lambda loss, x: gradient_of(loss, tf.round(x * 255) / 255)),
)
half_gradient = defect(
    "gradient in half precision",
    Steps(gradient=lambda loss, x: tf.cast(tf.cast(gradient_of(loss, x), tf.float16), tf.float32)),
)
universal = defect(
    "one gradient for the whole batch",
    Steps(gradient=lambda loss, x: tf.zeros_like(x) + tf.reduce_mean(gradient_of(loss, x), 0, keepdims=True)),
)
clipped_gradient = defect(
    "gradient clipped at 1", Steps(gradient=lambda loss, x: tf.clip_by_value(gradient_of(loss, x), -1.0, 1.0))
)


def _finite_elements(gradient: Tensor) -> Tensor:
    return tf.where(tf.math.is_finite(gradient), gradient, 0.0)


def _finite_examples(gradient: Tensor) -> Tensor:
    finite = tf.reduce_all(tf.math.is_finite(gradient), over(gradient), keepdims=True)
    return tf.where(finite, gradient, 0.0)


nonfinite_elements_zero = defect(
    "elements that are not finite become zero", Steps(gradient=lambda loss, x: _finite_elements(gradient_of(loss, x)))
)
nonfinite_examples_zero = defect(
    "examples with such an element become zero", Steps(gradient=lambda loss, x: _finite_examples(gradient_of(loss, x)))
)
nonfinite_batch = defect(
    "one such element, and the whole batch is lost",
    Steps(gradient=lambda loss, x: gradient_of(loss, x) + 0 * tf.reduce_sum(gradient_of(loss, x))),
)
