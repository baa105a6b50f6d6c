"""The optimizers of TensorFlow 1 by their kernels, against those of the library, bit for bit."""

import numpy as np
import pytest
import tensorflow as tf

from harness.subjects.stances.optimizers import FirstVersion

SECTION = {"rate": 0.01, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
TF1 = tf.compat.v1.train
CASES = {
    "adam": ({"kind": "adam"}, lambda: TF1.AdamOptimizer(0.01, 0.9, 0.999, 1e-7)),
    "rmsprop": ({"kind": "rmsprop", "momentum": 0.5}, lambda: TF1.RMSPropOptimizer(0.01, 0.9, 0.5, 1e-7)),
    "nesterov": (
        {"kind": "sgd", "momentum": 0.9, "nesterov": True},
        lambda: TF1.MomentumOptimizer(0.01, 0.9, use_nesterov=True),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_steps_are_those_of_the_library(name):
    changed, original = CASES[name]
    generator = np.random.default_rng(0)
    start = generator.normal(size=(4, 3)).astype(np.float32)
    gradients = generator.normal(size=(6, 4, 3)).astype(np.float32)
    own, theirs = (tf.Variable(tf.constant(start)) for _ in range(2))
    mine, library = FirstVersion({**SECTION, **changed}, "float32"), original()
    mine.build([own])
    if name == "rmsprop":  # it begins with a mean square of ones, and a case with zeros
        library.apply_gradients([(tf.zeros_like(theirs), theirs)])
        library.get_slot(theirs, "rms").assign(tf.zeros_like(theirs))
    for step, gradient in enumerate(gradients, 1):
        mine.apply_gradients([(tf.constant(gradient), own)])
        library.apply_gradients([(tf.constant(gradient), theirs)])
        np.testing.assert_array_equal(own.numpy(), theirs.numpy(), err_msg=f"step {step}")
    assert (own.numpy() != start).all()
