"""Adversarial regularisation, wrong in one thing each as such code is found to be, or written otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from tests.mutants.adversarial_loss_rewritings import *  # noqa: F403  (subjects of one module share their workers)
from tests.mutants.adversarial_loss_steps import (
    FLOOR,
    Call,
    Steps,
    Tensor,
    Tensors,
    anew,
    bounded,
    by_tape,
    defect,
    like,
    shared_among_the_largest,
    sums,
    together,
    unit_vectors,
)

CROSS_ENTROPY = tf.nn.sparse_softmax_cross_entropy_with_logits

# The loss that the attack ascends.


def _predicted(call: Call) -> Tensors:
    def loss(output: Tensor) -> Tensor:
        likeliest = tf.argmax(output, 1)
        smooth = len(call.labels.shape) > 1
        return call.loss_fn(tf.one_hot(likeliest, output.shape[1]) if smooth else likeliest, output, call.weights)

    return anew(call, loss)


def _plain_labels(call: Call) -> Tensor:
    return tf.argmax(call.labels, 1) if len(call.labels.shape) > 1 else call.labels


descends = defect("descends where it should ascend", Steps(gradient=lambda call: [-one for one in by_tape(call)]))
predicted_labels = defect("attack on predicted labels", Steps(gradient=_predicted))
plain_labels = defect(
    "smoothing does not reach the attack",
    Steps(gradient=lambda call: anew(call, lambda output: tf.reduce_mean(CROSS_ENTROPY(_plain_labels(call), output)))),
)
sum_in_attack = defect(
    "attack on the sum of the batch", Steps(gradient=lambda call: [one * len(one) for one in by_tape(call)])
)
attack_in_training = defect(
    "attack in training mode",
    Steps(
        gradient=lambda call: anew(
            call, lambda output: call.loss_fn(call.labels, output, call.weights), lambda x: call.model(x, training=True)
        )
    ),
)
attack_in_inference = defect(
    "attack in inference mode",
    Steps(
        gradient=lambda call: anew(
            call,
            lambda output: call.loss_fn(call.labels, output, call.weights),
            lambda x: call.model(x, training=False),
        )
    ),
)
universal = defect(
    "one gradient for the whole batch",
    Steps(gradient=lambda call: [tf.zeros_like(one) + tf.reduce_mean(one, 0, keepdims=True) for one in by_tape(call)]),
)
half_gradient = defect(
    "gradient in half precision",
    Steps(gradient=lambda call: [tf.cast(tf.cast(one, tf.float16), one.dtype) for one in by_tape(call)]),
)
not_finite = defect("elements that are not finite stay", Steps(finite=lambda one: one))
example_not_finite = defect(
    "one element that is not finite, and its example stays",
    Steps(
        finite=lambda one: tf.where(
            tf.reduce_all(tf.math.is_finite(one), list(range(1, len(one.shape))), keepdims=True),
            one,
            tf.zeros_like(one),
        )
    ),
)

# Direction and length of the perturbation.

norm_ignored = defect("always l2", Steps(norm=lambda config: "l2"))
always_linf = defect("always linf", Steps(norm=lambda config: "infinity"))
hyperbolic = defect("linf: tanh for the sign", Steps(linf=lambda gradients: [tf.tanh(one) for one in gradients]))
sign_of_zero = defect(
    "linf: sign of zero is one", Steps(linf=lambda gradients: [tf.where(one >= 0, 1.0, -1.0) for one in gradients])
)
l2_of_each_input = defect(
    "l2: length of each input by itself", Steps(l2=lambda gradients: [unit_vectors([one])[0] for one in gradients])
)
l2_of_batch = defect(
    "l2: length over the whole batch",
    Steps(
        l2=lambda gradients: [
            one / tf.sqrt(tf.maximum(FLOOR**2, tf.reduce_sum(sums([other**2 for other in gradients]))))
            for one in gradients
        ]
    ),
)
l2_no_floor = defect(
    "l2: no floor",
    Steps(
        l2=lambda gradients: [
            one * like(tf.math.rsqrt(sums([other**2 for other in gradients])), one) for one in gradients
        ]
    ),
)
l2_low_floor = defect(
    "l2: floor of 1e-12 under the length",
    Steps(
        l2=lambda gradients: [
            one / like(tf.maximum(1e-12, tf.sqrt(sums([other**2 for other in gradients]))), one) for one in gradients
        ]
    ),
)
l2_high_floor = defect(
    "l2: floor of 1e-6 under the square",
    Steps(
        l2=lambda gradients: [
            one / like(tf.sqrt(tf.maximum(1e-6, sums([other**2 for other in gradients]))), one) for one in gradients
        ]
    ),
)
l2_added = defect(
    "l2: floor added to the length",
    Steps(
        l2=lambda gradients: [
            one / like(FLOOR + tf.sqrt(sums([other**2 for other in gradients])), one) for one in gradients
        ]
    ),
)
l1_of_each_input = defect(
    "l1: the largest of each input",
    Steps(l1=lambda gradients: [shared_among_the_largest([one])[0] for one in gradients]),
)
l1_in_full = defect(
    "l1: all of epsilon to each of the tied",
    Steps(
        l1=lambda gradients: [
            tf.where(
                tf.abs(one) == like(together(tf.reduce_max, [tf.abs(other) for other in gradients]), one),
                tf.sign(one),
                0.0,
            )
            for one in gradients
        ]
    ),
)
l1_normalised = defect(
    "l1: divided by the sum of absolutes",
    Steps(
        l1=lambda gradients: [
            one / like(tf.maximum(FLOOR, sums([tf.abs(other) for other in gradients])), one) for one in gradients
        ]
    ),
)
epsilon_ignored = defect("step size of 0.001 always", Steps(epsilon=lambda config: 0.001))
half_epsilon = defect(
    "step size in half precision", Steps(epsilon=lambda config: float(np.float16(config.adv_step_size)))
)
step_and_ball = defect(
    "step size projected onto a ball of 0.05", Steps(epsilon=lambda config: min(config.adv_step_size, 0.05))
)

# The step and the clip range.


def _again(attack: Any, call: Call) -> Any:
    once = attack(call)
    with tf.GradientTape() as tape:
        tape.watch(tf.nest.flatten(once))
        loss = call.loss_fn(call.labels, call.output(once), call.weights)
    return attack(replace(call, features=once, clean_loss=loss, tape=tape))


two_steps = defect("two steps for one", Steps(rounds=_again))
not_perturbed = defect("loss of the clean examples", Steps(rounds=lambda attack, call: call.features))
through = defect("gradient through the perturbation", Steps(moved=lambda x, perturbation: x + perturbation))
stopped_early = defect(
    "no gradient before the adversarial examples",
    Steps(moved=lambda x, perturbation: tf.stop_gradient(x + perturbation)),
)
clip_ignored = defect("clip range ignored", Steps(clip=lambda adversarial, x, low, high: adversarial))
clip_low_only = defect(
    "clipped below only", Steps(clip=lambda adversarial, x, low, high: bounded(adversarial, x, low, None))
)
clip_high_only = defect(
    "clipped above only", Steps(clip=lambda adversarial, x, low, high: bounded(adversarial, x, None, high))
)
clip_two_sided_only = defect(
    "clipped only where both bounds are stated",
    Steps(
        clip=lambda adversarial, x, low, high: (
            adversarial if low is None or high is None else tf.clip_by_value(adversarial, low, high)
        )
    ),
)
clip_truthy = defect(
    "a bound of 0 taken for none",
    Steps(clip=lambda adversarial, x, low, high: bounded(adversarial, x, low or None, high or None)),
)
clip_always = defect(
    "clipped to [0, 1] whatever is stated",
    Steps(clip=lambda adversarial, x, low, high: tf.clip_by_value(adversarial, 0.0, 1.0)),
)
clip_before = defect(
    "clipped before the step",
    Steps(clip=lambda adversarial, x, low, high: bounded(x, x, low, high) + (adversarial - x)),
)
clip_lets_gradient_pass = defect(
    "gradient passes where it was clipped",
    Steps(
        clip=lambda adversarial, x, low, high: (
            adversarial + tf.stop_gradient(bounded(adversarial, x, low, high) - adversarial)
        )
    ),
)

# The adversarial loss.

weights_ignored = defect("sample weights not in the adversarial loss", Steps(weights=lambda call: None))
weights_squared = defect(
    "sample weights in the adversarial loss twice",
    Steps(weights=lambda call: None if call.weights is None else call.weights**2),
)
weights_normalised = defect(
    "sample weights made to add up to the batch",
    Steps(weights=lambda call: None if call.weights is None else call.weights / tf.reduce_mean(call.weights)),
)
multiplied = defect("multiplied, which the caller does, too", Steps(result=lambda loss, call: call.multiplier * loss))
clean_counted = defect("clean loss added", Steps(result=lambda loss, call: loss + call.clean_loss))
clean_subtracted = defect(
    "what the perturbation adds to the loss", Steps(result=lambda loss, call: loss - call.clean_loss)
)
halved = defect(
    "mean of the clean and the adversarial loss", Steps(result=lambda loss, call: (loss + call.clean_loss) / 2)
)
penalty_added = defect(
    "weight penalty of the model added", Steps(result=lambda loss, call: tf.add_n([loss, *call.model.losses]))
)
mean_of_sum = defect(
    "mean over the batch whatever the loss is", Steps(result=lambda loss, call: loss / len(call.labels))
)
loss_in_training = defect(
    "adversarial loss in training mode", Steps(output=lambda call, adversarial: call.model(adversarial, training=True))
)
loss_in_inference = defect(
    "adversarial loss in inference mode",
    Steps(output=lambda call, adversarial: call.model(adversarial, training=False)),
)
mode_left_out = defect(
    "arguments for the model left out", Steps(output=lambda call, adversarial: call.model(adversarial))
)
detached = defect("no gradient of the adversarial loss", Steps(result=lambda loss, call: tf.stop_gradient(loss)))
last_left_out = defect(
    "last example left as it is",
    Steps(
        rounds=lambda attack, call: call.packed(
            [
                tf.concat([moved[:-1], x[-1:]], 0)
                for moved, x in zip(tf.nest.flatten(attack(call)), call.leaves, strict=True)
            ]
        )
    ),
)
reversed_batch = defect(
    "adversarial examples in reverse",
    Steps(rounds=lambda attack, call: call.packed([tf.reverse(one, [0]) for one in tf.nest.flatten(attack(call))])),
)
