"""Defects of the Fast Gradient Method: epsilon, the step, the clip range and the batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tests.mutants.fgm_steps import (
    Steps,
    Tensor,
    clipped,
    defect,
    summed,
)

# Epsilon.

half_epsilon = defect("epsilon in half precision", Steps(epsilon=lambda eps, x: float(np.float16(eps))))
whole_bytes = defect("epsilon in whole 255ths", Steps(epsilon=lambda eps, x: int(eps * 255) / 255))
in_bytes = defect("epsilon divided by 255", Steps(epsilon=lambda eps, x: eps / 255))
relative = defect("epsilon times the length of x", Steps(epsilon=lambda eps, x: eps * tf.sqrt(summed(x**2))))
nothing_is_default = defect("epsilon 0 taken for none", Steps(epsilon=lambda eps, x: eps or 0.3))
zero_returned_at_once = defect(
    "epsilon 0: x returned as it is, not clipped",
    Steps(
        clip=lambda adversarial, x, low, high: (
            x if (adversarial == x).numpy().all() else clipped(adversarial, x, low, high)
        )
    ),
)
per_root_of_size = defect(
    "epsilon times the root of the number of features",
    Steps(epsilon=lambda eps, x: eps * float(np.sqrt(np.prod(x.shape[1:])))),
)
slightly_less = defect("epsilon a millionth less", Steps(epsilon=lambda eps, x: eps - 1e-6))


# The step.

random_start = defect(
    "starts at random", Steps(rounds=lambda attack, x: attack(x + tf.random.uniform(x.shape, -0.01, 0.01)))
)
two_steps = defect("two steps for one", Steps(rounds=lambda attack, x: attack(attack(x))))
moved_back = defect("subtracted", Steps(moved=lambda x, eps, direction: x - eps * direction))
multiplied = defect("x grows in proportion", Steps(moved=lambda x, eps, direction: x * (1 + eps * direction)))
rounded = defect(
    "result rounded to 8 bits",
    Steps(clip=lambda adversarial, x, low, high: tf.round(clipped(adversarial, x, low, high) * 255) / 255),
)
half_result = defect("result in half precision", Steps(rounds=lambda attack, x: tf.cast(attack(x), tf.float16)))
half_on_the_way = defect(
    "result through half precision", Steps(rounds=lambda attack, x: tf.cast(tf.cast(attack(x), tf.float16), tf.float32))
)
perturbation_returned = defect("the perturbation returned", Steps(rounds=lambda attack, x: attack(x) - x))


# The clip range.

clip_ignored = defect("clip range ignored", Steps(clip=lambda adversarial, x, low, high: adversarial))
clip_truthy = defect(
    "clip range ignored when a bound is 0",
    Steps(
        clip=lambda adversarial, x, low, high: tf.clip_by_value(adversarial, low, high) if low and high else adversarial
    ),
)
clip_low_only = defect(
    "clipped below only",
    Steps(clip=lambda adversarial, x, low, high: adversarial if low is None else tf.maximum(adversarial, low)),
)
clip_high_only = defect(
    "clipped above only",
    Steps(clip=lambda adversarial, x, low, high: adversarial if high is None else tf.minimum(adversarial, high)),
)
clip_swapped = defect(
    "bounds swapped",
    Steps(
        clip=lambda adversarial, x, low, high: adversarial if low is None else tf.clip_by_value(adversarial, high, low)
    ),
)
clip_always = defect(
    "clipped to [0, 1] whatever is stated",
    Steps(clip=lambda adversarial, x, low, high: tf.clip_by_value(adversarial, 0.0, 1.0)),
)
clip_unit_range = defect(
    "clipped to [0, 1] in place of the range",
    Steps(
        clip=lambda adversarial, x, low, high: adversarial if low is None else tf.clip_by_value(adversarial, 0.0, 1.0)
    ),
)
clip_perturbation = defect(
    "the perturbation clipped", Steps(clip=lambda adversarial, x, low, high: x + clipped(adversarial - x, x, low, high))
)
clip_before = defect(
    "clipped before the step",
    Steps(clip=lambda adversarial, x, low, high: clipped(x, x, low, high) + (adversarial - x)),
)
clip_not_moved = defect(
    "what would leave the range is not moved",
    Steps(
        clip=lambda adversarial, x, low, high: tf.where(
            adversarial == clipped(adversarial, x, low, high), adversarial, x
        )
    ),
)
clip_rescaled = defect(
    "rescaled into the range",
    Steps(
        clip=lambda adversarial, x, low, high: (
            adversarial
            if low is None
            else low
            + (high - low)
            * (adversarial - tf.reduce_min(adversarial))
            / (tf.reduce_max(adversarial) - tf.reduce_min(adversarial))
        )
    ),
)
share_of_range = defect(
    "epsilon a share of the clip range",
    Steps(
        clip=lambda adversarial, x, low, high: (
            adversarial if low is None else tf.clip_by_value(x + (high - low) * (adversarial - x), low, high)
        )
    ),
)
clip_own_range = defect(
    "clipped to the batch's own range",
    Steps(
        clip=lambda adversarial, x, low, high: tf.clip_by_value(
            clipped(adversarial, x, low, high), tf.reduce_min(x), tf.reduce_max(x)
        )
    ),
)


# The batch.


def _whole_chunks(attack: Any, x: Tensor) -> Tensor:
    whole = len(x) // 4 * 4
    return tf.concat([attack(x)[:whole], x[whole:]], 0)


remainder_left = defect("what does not fill a chunk of 4 is left alone", Steps(rounds=_whole_chunks))
remainder_dropped = defect(
    "what does not fill a chunk of 4 is dropped", Steps(rounds=lambda attack, x: attack(x)[: len(x) // 4 * 4])
)
last_left = defect("last example left alone", Steps(rounds=lambda attack, x: tf.concat([attack(x)[:-1], x[-1:]], 0)))
reversed_batch = defect("batch returned in reverse", Steps(rounds=lambda attack, x: tf.reverse(attack(x), [0])))
flattened = defect("returned flat", Steps(rounds=lambda attack, x: tf.reshape(attack(x), [len(x), -1])))
