"""Adversarial regularisation, written otherwise: all of these must agree with NSL."""

from __future__ import annotations

import tensorflow as tf

from tests.mutants.adversarial_loss_steps import (
    FLOOR,
    Steps,
    anew,
    by_tape,
    like,
    rewriting,
    sums,
)

as_it_stands = rewriting("the steps as they stand", Steps())
reciprocal_root = rewriting(
    "l2: times the reciprocal root",
    Steps(
        l2=lambda gradients: [
            one * like(tf.math.rsqrt(tf.maximum(FLOOR**2, sums([other**2 for other in gradients]))), one)
            for one in gradients
        ]
    ),
)
floor_under_the_length = rewriting(
    "l2: floor under the length",
    Steps(
        l2=lambda gradients: [
            one / like(tf.maximum(FLOOR, tf.sqrt(sums([other**2 for other in gradients]))), one) for one in gradients
        ]
    ),
)
joined_length = rewriting(
    "l2: length of all inputs joined",
    Steps(
        l2=lambda gradients: [
            one
            / like(
                tf.maximum(
                    FLOOR, tf.norm(tf.concat([tf.reshape(other, [len(other), -1]) for other in gradients], 1), axis=1)
                ),
                one,
            )
            for one in gradients
        ]
    ),
)
sign_by_comparison = rewriting(
    "sign by comparison",
    Steps(linf=lambda gradients: [tf.cast(one > 0, one.dtype) - tf.cast(one < 0, one.dtype) for one in gradients]),
)
minus_minus = rewriting("x - (-perturbation)", Steps(moved=lambda x, perturbation: x - tf.stop_gradient(-perturbation)))
stopped_at_the_gradient = rewriting(
    "stopped at the gradient of the clean loss",
    Steps(
        gradient=lambda call: [tf.stop_gradient(one) for one in by_tape(call)],
        moved=lambda x, perturbation: x + perturbation,
    ),
)
clipped_by_infinities = rewriting(
    "clipped to infinity where no bound is stated",
    Steps(
        clip=lambda adversarial, x, low, high: tf.clip_by_value(
            adversarial, float("-inf") if low is None else low, float("inf") if high is None else high
        )
    ),
)
masked_directly = rewriting(
    "mask of ones where none is stated",
    Steps(
        mask=lambda gradients, masks: [
            one * (tf.ones_like(one) if mask is None else mask) for one, mask in zip(gradients, masks, strict=True)
        ]
    ),
)
weights_of_ones = rewriting(
    "weights of one where there are none",
    Steps(weights=lambda call: tf.ones([len(call.labels), 1]) if call.weights is None else 1.0 * call.weights),
)
finite_by_comparison = rewriting(
    "finite: less than infinity", Steps(finite=lambda one: tf.where(tf.abs(one) < float("inf"), one, 0.0))
)


in_double_precision = rewriting(
    "l2: length in double precision",
    Steps(
        l2=lambda gradients: [
            tf.cast(
                tf.cast(one, tf.float64)
                / like(
                    tf.maximum(
                        tf.constant(FLOOR, tf.float64),
                        tf.sqrt(sums([tf.cast(other, tf.float64) ** 2 for other in gradients])),
                    ),
                    one,
                ),
                one.dtype,
            )
            for one in gradients
        ]
    ),
)
works_it_out_itself = rewriting(
    "works the clean loss out for itself",
    Steps(gradient=lambda call: anew(call, lambda output: call.loss_fn(call.labels, output, call.weights))),
)
