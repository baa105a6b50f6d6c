"""``mean_over_batch`` against the loss that NSL's Keras wrapper computes."""

import numpy as np
import pytest
import tensorflow as tf

from harness.reference import mean_over_batch

LOSSES = tf.keras.losses


@pytest.mark.parametrize("weights", [None, [0.0, 1.0, 2.0, 0.5]], ids=["unweighted", "weighted"])
@pytest.mark.parametrize(
    "loss",
    [
        LOSSES.SparseCategoricalCrossentropy(from_logits=True),
        LOSSES.SparseCategoricalCrossentropy(from_logits=True, reduction="sum_over_batch_size"),
        LOSSES.sparse_categorical_crossentropy,
    ],
    ids=["object", "explicit", "function"],
)
def test_it_is_the_loss_of_nsl(nsl, loss, weights):
    from neural_structured_learning.keras.adversarial_regularization import _LossWrapper

    random = np.random.default_rng(0)
    outputs, labels = tf.nn.softmax(random.normal(size=(4, 3)).astype(np.float32)), tf.constant([0, 1, 2, 1])
    weights = None if weights is None else tf.constant(weights)
    results = []
    for function in (_LossWrapper(loss, "name", 1.0), mean_over_batch(loss)):
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            value = function(labels, outputs, weights)
        results.append((value.numpy(), tape.gradient(value, outputs).numpy()))
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert results[0][0].shape == ()


def test_weights_of_a_column_and_an_empty_batch():
    loss = mean_over_batch(LOSSES.sparse_categorical_crossentropy)
    outputs, labels = tf.nn.softmax(tf.random.normal([4, 3])), tf.constant([0, 1, 2, 1])
    weights = tf.constant([0.0, 1.0, 2.0, 0.5])
    np.testing.assert_array_equal(loss(labels, outputs, weights[:, None]), loss(labels, outputs, weights))
    assert float(loss(labels[:0], outputs[:0])) == 0


def test_the_loss_that_is_given_stays_as_it_is():
    loss = LOSSES.MeanSquaredError()
    before = loss.get_config()
    mean_over_batch(loss)(tf.ones([2, 1]), tf.zeros([2, 1]))
    assert loss.get_config() == before
