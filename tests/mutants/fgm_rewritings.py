"""The Fast Gradient Method, written otherwise: all of these must agree with CleverHans."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tests.mutants.fgm_steps import FLOOR, Steps, Tensor, gradient_of, largest, made_of, over, rewriting, summed
from tests.mutants.kinds import marked


def _default(loss: Any) -> Any:
    return lambda given: given or (lambda labels, logits: loss(labels, logits))


def _one_hot(labels: Any, logits: Tensor) -> Tensor:
    return tf.one_hot(labels, logits.shape[1])


as_it_stands = rewriting("the steps as they stand", Steps())
sum_of_losses = rewriting(
    "sum of the losses of the batch",
    Steps(
        loss_fn=lambda given: (
            lambda labels, logits: tf.reduce_sum(
                (given or tf.nn.sparse_softmax_cross_entropy_with_logits)(labels=labels, logits=logits)
            )
        )
    ),
)
dense_labels = rewriting(
    "one column a class for class indices",
    Steps(
        loss_fn=_default(
            lambda labels, logits: tf.nn.softmax_cross_entropy_with_logits(_one_hot(labels, logits), logits)
        )
    ),
)
log_softmax = rewriting(
    "cross-entropy from the log-softmax, by a product with one-hot labels",
    Steps(
        loss_fn=_default(lambda labels, logits: -tf.reduce_sum(_one_hot(labels, logits) * tf.nn.log_softmax(logits), 1))
    ),
)
log_sum_exp = rewriting(
    "cross-entropy as logsumexp minus the label's logit",
    Steps(
        loss_fn=_default(
            lambda labels, logits: tf.reduce_logsumexp(logits, 1) - tf.gather(logits, labels, batch_dims=1)
        )
    ),
)
negative_loss = rewriting(
    "descends the negative loss",
    Steps(
        ascended=lambda loss, targeted: loss if targeted else -loss,
        moved=lambda x, eps, direction: x - eps * direction,
    ),
)
minus_minus = rewriting("x - (-epsilon * direction)", Steps(moved=lambda x, eps, direction: x - (-eps * direction)))
sign_by_cases = rewriting(
    "sign by cases",
    Steps(linf=lambda gradient: tf.where(gradient > 0, 1.0, tf.where(gradient < 0, -1.0, gradient))),
)
reciprocal_root = rewriting(
    "l2: times the reciprocal root",
    Steps(l2=lambda gradient: gradient * tf.math.rsqrt(tf.maximum(FLOOR, summed(gradient**2)))),
)
floor_under_the_length = rewriting(
    "l2: floor of 1e-6 under the length",
    Steps(
        l2=lambda gradient: (
            gradient
            / tf.maximum(
                1e-6,
                tf.norm(tf.reshape(gradient, [len(gradient), -1]), axis=1)[
                    (slice(None), *[None] * len(over(gradient)))
                ],
            )
        )
    ),
)
einsum_length = rewriting(
    "l2: length by an inner product",
    Steps(
        l2=lambda gradient: (
            gradient
            / tf.reshape(
                tf.sqrt(
                    tf.maximum(
                        FLOOR,
                        tf.einsum(
                            "bi,bi->b",
                            tf.reshape(gradient, [len(gradient), -1]),
                            tf.reshape(gradient, [len(gradient), -1]),
                        ),
                    )
                ),
                [-1, *[1] * len(over(gradient))],
            )
        )
    ),
)
l1_by_where = rewriting(
    "l1: a share for each of the tied",
    Steps(
        l1=lambda gradient: tf.where(
            tf.abs(gradient) >= largest(tf.abs(gradient)),
            tf.sign(gradient) / summed(tf.cast(tf.abs(gradient) >= largest(tf.abs(gradient)), tf.float32)),
            0.0 * gradient,
        )
    ),
)
minimum_of_maximum = rewriting(
    "clipped by a maximum and a minimum",
    Steps(
        clip=lambda adversarial, x, low, high: (
            adversarial if low is None else tf.minimum(tf.maximum(adversarial, low), high)
        )
    ),
)
room_to_move = rewriting(
    "the perturbation clipped to the room that x has",
    Steps(
        clip=lambda adversarial, x, low, high: (
            adversarial if low is None else x + tf.clip_by_value(adversarial - x, low - x, high - x)
        )
    ),
)
epsilon_as_tensor = rewriting("epsilon a tensor", Steps(epsilon=lambda eps, x: tf.constant(eps, x.dtype)))


def _persistent(loss: Any, x: Tensor) -> Tensor:
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        value = loss(x)
    return tape.gradient(value, x)


def _variable(loss: Any, x: Tensor) -> Tensor:
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        value = loss(variable)
    return tf.convert_to_tensor(tape.gradient(value, variable))


persistent_tape = rewriting("a persistent tape", Steps(gradient=_persistent))
variable_input = rewriting("x a variable", Steps(gradient=_variable))
in_a_graph = rewriting(
    "the gradient in a graph",
    Steps(gradient=lambda loss, x: tf.function(lambda x: gradient_of(loss, x), autograph=False)(x)),
)
in_numpy = rewriting(
    "the step in NumPy",
    Steps(
        moved=lambda x, eps, direction: tf.constant(x.numpy() + np.float32(eps) * direction.numpy()),
        clip=lambda adversarial, x, low, high: (
            adversarial if low is None else tf.constant(np.clip(adversarial.numpy(), low, high))
        ),
    ),
)
doubled_step = rewriting(
    "the step in double precision",
    Steps(
        moved=lambda x, eps, direction: tf.cast(
            tf.cast(x, tf.float64) + eps * tf.cast(direction, tf.float64), tf.float32
        )
    ),
)
doubled_length = rewriting(
    "l2: length in double precision",
    Steps(
        l2=lambda gradient: tf.cast(
            tf.cast(gradient, tf.float64)
            / tf.sqrt(tf.maximum(np.float64(FLOOR), summed(tf.cast(gradient, tf.float64) ** 2))),
            tf.float32,
        )
    ),
)
_of_a_chunk = made_of(Steps())


def _in_chunks(
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
    chunks = []
    for i in range(0, len(x), 24):
        labels = None if y is None else y[i : i + 24]
        chunks.append(_of_a_chunk(model_fn, x[i : i + 24], eps, norm, loss_fn, clip_min, clip_max, labels, targeted))
    return tf.concat(chunks, 0)


in_chunks = marked(_in_chunks, "in chunks of 24, the last one smaller", correct=True)
