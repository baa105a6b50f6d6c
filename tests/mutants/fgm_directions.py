"""Defects of the Fast Gradient Method: from the gradient to the direction of the perturbation."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.mutants.fgm_steps import (
    FLOOR,
    Steps,
    defect,
    largest,
    over,
    shared_among_the_largest,
    summed,
)

hyperbolic = defect("linf: tanh for the sign", Steps(linf=tf.tanh))
by_largest = defect(
    "linf: divided by the largest",
    Steps(linf=lambda gradient: tf.math.divide_no_nan(gradient, largest(tf.abs(gradient)))),
)
sign_of_zero_up = defect("linf: sign of zero is one", Steps(linf=lambda gradient: tf.where(gradient >= 0, 1.0, -1.0)))
sign_of_zero_down = defect(
    "linf: sign of zero is minus one", Steps(linf=lambda gradient: tf.where(gradient > 0, 1.0, -1.0))
)
sign_by_division = defect(
    "linf: the gradient divided by its absolute", Steps(linf=lambda gradient: gradient / tf.abs(gradient))
)
sign_by_comparison = defect(
    "linf: sign of NaN is zero",
    Steps(linf=lambda gradient: tf.cast(gradient > 0, tf.float32) - tf.cast(gradient < 0, tf.float32)),
)
small_is_zero = defect(
    "linf: less than 1e-8 is zero",
    Steps(linf=lambda gradient: tf.where(tf.abs(gradient) < 1e-8, 0.0, tf.sign(gradient))),
)

l2_of_batch = defect(
    "l2: length over the whole batch",
    Steps(l2=lambda gradient: gradient / tf.sqrt(tf.maximum(FLOOR, tf.reduce_sum(gradient**2)))),
)
l2_of_last_axis = defect(
    "l2: length over the last axis only",
    Steps(l2=lambda gradient: gradient / tf.sqrt(tf.maximum(FLOOR, tf.reduce_sum(gradient**2, -1, keepdims=True)))),
)
l2_of_images = defect(
    "l2: length over the axes of an image",
    Steps(
        l2=lambda gradient: gradient / tf.sqrt(tf.maximum(FLOOR, tf.reduce_sum(gradient**2, [1, 2, 3], keepdims=True)))
    ),
)
l2_shortened = defect(
    "l2: longer ones shortened, shorter ones left",
    Steps(l2=lambda gradient: gradient / tf.maximum(1.0, tf.sqrt(summed(gradient**2)))),
)
l2_squared = defect(
    "l2: divided by the square", Steps(l2=lambda gradient: gradient / tf.maximum(FLOOR, summed(gradient**2)))
)
l2_root_mean_square = defect(
    "l2: mean in place of sum",
    Steps(
        l2=lambda gradient: (
            gradient / tf.sqrt(tf.maximum(FLOOR, tf.reduce_mean(gradient**2, over(gradient), keepdims=True)))
        )
    ),
)
l2_by_sum = defect(
    "l2: divided by the sum of absolutes",
    Steps(l2=lambda gradient: gradient / tf.maximum(1e-6, summed(tf.abs(gradient)))),
)
l2_no_floor = defect("l2: no floor", Steps(l2=lambda gradient: gradient / tf.sqrt(summed(gradient**2))))
l2_no_nan = defect(
    "l2: no floor, zero left alone",
    Steps(l2=lambda gradient: tf.math.divide_no_nan(gradient, tf.sqrt(summed(gradient**2)))),
)
l2_high_floor = defect(
    "l2: floor of 1e-6 under the square",
    Steps(l2=lambda gradient: gradient / tf.sqrt(tf.maximum(1e-6, summed(gradient**2)))),
)
l2_low_floor = defect(
    "l2: floor of 1e-12 under the length",
    Steps(l2=lambda gradient: gradient / tf.maximum(1e-12, tf.sqrt(summed(gradient**2)))),
)
l2_added_inside = defect(
    "l2: floor added under the root", Steps(l2=lambda gradient: gradient / tf.sqrt(FLOOR + summed(gradient**2)))
)
l2_added_outside = defect(
    "l2: 1e-6 added to the length", Steps(l2=lambda gradient: gradient / (1e-6 + tf.sqrt(summed(gradient**2))))
)

l1_first_of_tied = defect(
    "l1: first of the tied only",
    Steps(
        l1=lambda gradient: (
            tf.reshape(
                tf.one_hot(
                    tf.argmax(tf.abs(tf.reshape(gradient, [len(gradient), -1])), 1), int(np.prod(gradient.shape[1:]))
                ),
                gradient.shape,
            )
            * tf.sign(gradient)
        )
    ),
)
l1_ties_in_full = defect(
    "l1: all of epsilon to each of the tied",
    Steps(l1=lambda gradient: tf.where(tf.abs(gradient) == largest(tf.abs(gradient)), tf.sign(gradient), 0.0)),
)
l1_of_batch = defect(
    "l1: the largest of the whole batch",
    Steps(
        l1=lambda gradient: tf.sign(gradient) * tf.cast(tf.abs(gradient) == tf.reduce_max(tf.abs(gradient)), tf.float32)
    ),
)
l1_normalised = defect(
    "l1: divided by the sum of absolutes",
    Steps(l1=lambda gradient: gradient / tf.maximum(1e-6, summed(tf.abs(gradient)))),
)
l1_of_signed = defect(
    "l1: the largest, not the largest absolute",
    Steps(
        l1=lambda gradient: (
            tf.where(gradient == largest(gradient), tf.sign(gradient), 0.0)
            / summed(tf.cast(gradient == largest(gradient), tf.float32))
        )
    ),
)
l1_no_sign = defect("l1: always up", Steps(l1=lambda gradient: tf.abs(shared_among_the_largest(gradient))))
l1_nearly_tied = defect(
    "l1: within a tenth of a percent is a tie",
    Steps(
        l1=lambda gradient: shared_among_the_largest(
            tf.where(tf.abs(gradient) >= 0.999 * largest(tf.abs(gradient)), tf.sign(gradient), 0.0)
        )
    ),
)
l1_for_l2 = defect("l2: as l1", Steps(l2=shared_among_the_largest))
