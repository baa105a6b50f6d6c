"""``fast_gradient_method`` against the real CleverHans 4.0.0, and where it answers in CleverHans's stead."""

import numpy as np
import pytest
import tensorflow as tf

from harness.reference import fast_gradient_method

NORMS = [np.inf, 1, 2]


def mean(labels, logits):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def keras_mean(labels, logits):
    return tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)


def from_probabilities(labels, logits):
    return tf.keras.losses.SparseCategoricalCrossentropy()(labels, tf.nn.softmax(logits))


def one_hot(labels, logits):
    return tf.nn.softmax_cross_entropy_with_logits(tf.one_hot(labels, 5), logits)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", ["mlp", "cnn", "normalised"])
def test_every_norm_loss_label_source_and_batch_size_is_as_in_cleverhans(
    cleverhans, build, batch, same_bits, kind, norm
):
    model = build(kind, activation="gelu" if kind == "mlp" else "relu")
    for size, loss_fn in [(1, None), (7, mean), (7, from_probabilities), (64, keras_mean), (64, None)]:
        x, y = batch(size)
        for labels in (y, None):
            arguments = {"loss_fn": loss_fn, "y": labels, "clip_min": 0.0, "clip_max": 1.0}
            theirs = cleverhans(model, x, 0.07, norm, **arguments)
            ours = fast_gradient_method(model, x, 0.07, norm, **arguments)
            assert same_bits(theirs, ours), (size, loss_fn, labels is None)
            assert not same_bits(x, ours)


@pytest.mark.parametrize("norm", NORMS)
def test_targeted(cleverhans, build, batch, same_bits, norm):
    model, (x, _) = build(), batch(7)
    for target in (np.full(7, 3), None):
        theirs = cleverhans(model, x, 0.3, norm, y=target, targeted=True)
        ours = fast_gradient_method(model, x, 0.3, norm, y=target, targeted=True)
        assert same_bits(theirs, ours)
    away = fast_gradient_method(model, x, 0.3, norm, y=np.full(7, 3))
    towards = fast_gradient_method(model, x, 0.3, norm, y=np.full(7, 3), targeted=True)
    np.testing.assert_allclose(away + towards, 2 * x, atol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scale", [1e-3, 1e-5, 1e-9, 0.0, 1e38, np.inf, np.nan])
def test_small_zero_and_nonfinite_gradients(cleverhans, batch, same_bits, norm, scale):
    x, y = batch(7)
    weights = tf.constant(np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32))

    def model(images):
        return tf.matmul(tf.reshape(images, [-1, 64]), weights) * scale

    theirs, ours = cleverhans(model, x, 0.3, norm, y=y), fast_gradient_method(model, x, 0.3, norm, y=y)
    assert same_bits(theirs, ours)
    assert np.isfinite(ours).all() == np.isfinite(theirs).all()


@pytest.mark.parametrize("norm", NORMS)
def test_one_nonfinite_element_of_a_gradient(cleverhans, batch, same_bits, norm):
    x, y = batch(7)
    factors = np.ones(64, np.float32)
    factors[3], factors[5] = np.inf, np.nan
    weights = tf.constant(np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32))

    @tf.custom_gradient
    def spoil(flat):
        return tf.identity(flat), lambda upstream: upstream * factors

    def model(images):
        return tf.matmul(spoil(tf.reshape(images, [-1, 64])), weights)

    ours = fast_gradient_method(model, x, 0.3, norm, y=y)
    assert same_bits(cleverhans(model, x, 0.3, norm, y=y), ours)
    assert np.isnan(ours).any() or norm == 1


def test_tied_gradients_share_the_l1_perturbation(cleverhans, same_bits):
    weights = tf.constant([[1.0, -1.0], [-1.0, 1.0], [0.5, 0.0]])
    x = tf.constant([[0.1, 0.2, 0.3]])

    def model(images):
        return tf.matmul(images, weights)

    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits([0], model(x))
    first, second, third = np.abs(tape.gradient(loss, x)[0])
    assert first == second > third, "the test needs a tie"

    ours = fast_gradient_method(model, x, 0.4, 1, y=[0])
    assert same_bits(cleverhans(model, x, 0.4, 1, y=np.array([0])), ours)
    np.testing.assert_allclose((ours - x)[0], [-0.2, 0.2, 0.0], atol=1e-7)


def test_of_tied_predictions_the_first_is_the_label(cleverhans, same_bits):
    # Classes 1 and 2 have the same logit by different weights, so that the label decides the direction.
    weights = tf.constant([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    x = tf.constant([[0.5, 0.5]])

    def model(images):
        return tf.matmul(images, weights)

    _, one, other = model(x)[0].numpy()
    assert one == other > 0, "the test needs a tie"
    first, second = (fast_gradient_method(model, x, 0.1, np.inf, y=[label]) for label in (1, 2))
    assert not same_bits(first, second), "the test needs a label that matters"
    predicted = fast_gradient_method(model, x, 0.1, np.inf)
    assert same_bits(predicted, first)
    assert same_bits(predicted, cleverhans(model, x, 0.1, np.inf))


@pytest.mark.parametrize("kind", [np.float64, np.float16, np.int32])
def test_computes_in_float32_whatever_it_is_given(cleverhans, build, batch, same_bits, kind):
    model, (x, y) = build(), batch(7)
    x = (x * 3).astype(kind)
    ours = fast_gradient_method(model, x, 0.1, 2, y=y)
    assert ours.dtype == tf.float32
    assert same_bits(cleverhans(model, x, 0.1, 2, y=y), ours)


def test_where_bounds_cross_the_lower_one_wins(cleverhans, build, batch, same_bits):
    model, (x, y) = build(), batch(7)
    theirs = cleverhans(model, x, 0.1, np.inf, y=y, clip_min=0.6, clip_max=0.4)
    ours = fast_gradient_method(model, x, 0.1, np.inf, y=y, clip_min=0.6, clip_max=0.4)
    assert same_bits(theirs, ours)
    assert (ours.numpy() == np.float32(0.6)).all()


def test_the_same_in_a_graph_but_for_what_its_rewriting_rounds(cleverhans, build, batch):
    model, (x, y) = build(), batch(7)
    for norm in NORMS:

        @tf.function
        def both(x, y, norm=norm):
            return cleverhans(model, x, 0.1, norm, y=y), fast_gradient_method(model, x, 0.1, norm, y=y)

        theirs, ours = both(x, y)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-7)
        np.testing.assert_allclose(ours, fast_gradient_method(model, x, 0.1, norm, y=y), rtol=0, atol=2e-7)


@pytest.mark.parametrize("norm", NORMS)
def test_outer_gradients_flow_as_in_cleverhans(cleverhans, build, batch, norm):
    """Through the perturbation under l2 and l1, around it under linf."""
    model, (x, y) = build(activation="tanh"), batch(7)
    results = []
    for attack in (cleverhans, fast_gradient_method):
        with tf.GradientTape() as tape:
            inputs = tf.constant(x)
            tape.watch(inputs)
            adversarial = attack(model, inputs, 0.5, norm, y=y)
            loss = tf.reduce_sum(model(adversarial) ** 2)
        results.append([g.numpy() for g in tape.gradient(loss, [inputs, *model.trainable_variables])])
    for theirs, ours in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_one_forward_pass_serves_labels_and_gradient(build, batch):
    model, (x, _) = build(), batch(7)
    passes = tf.Variable(0, dtype=tf.int64)

    def counted(images):
        passes.assign_add(1)
        return model(images)

    fast_gradient_method(counted, x, 0.1, np.inf)
    assert int(passes) == 1
    fast_gradient_method(counted, x, 0.1, np.inf)
    assert int(passes) == 2


def test_callables_of_every_kind(cleverhans, build, batch, same_bits):
    model, (x, y) = build(), batch(7)
    expected = fast_gradient_method(model, x, 0.1, 2, y=y)

    class Slotted:
        __slots__ = ()

        def __call__(self, images):
            return model(images)

        def method(self, images):
            return model(images)

    def with_branch(images):  # needs autograph
        if tf.reduce_sum(images) > -1e9:
            return model(images)
        return -model(images)

    for callable_ in (lambda images: model(images), model.call, Slotted(), Slotted().method, with_branch):
        for _ in range(2):
            assert same_bits(fast_gradient_method(callable_, x, 0.1, 2, y=y), expected)
    assert same_bits(cleverhans(with_branch, x, 0.1, 2, y=y), expected)


def test_what_cannot_be_compiled_runs_plainly(build, batch):
    model, (x, y) = build(), batch(7)

    def on_values(images):
        assert images.numpy().shape == x.shape
        return model(images)

    ours = fast_gradient_method(on_values, x, 0.1, 2, y=y)
    np.testing.assert_allclose(ours, fast_gradient_method(model, x, 0.1, 2, y=y), atol=1e-6)


def test_a_wrong_model_raises_its_own_error(batch):
    x, y = batch(2)

    def broken(images):
        raise LookupError("no weights")

    with pytest.raises(LookupError, match="no weights"):
        fast_gradient_method(broken, x, 0.1, 2, y=y)
    with pytest.raises(ValueError, match="does not depend on x"):
        fast_gradient_method(lambda images: tf.ones([2, 5]), x, 0.1, 2, y=y)


def test_bad_arguments_are_named(build, batch):
    model, (x, y) = build(), batch(2)
    with pytest.raises(ValueError, match=r"norm: 3 is not a norm. Valid: np.inf, 1, 2"):
        fast_gradient_method(model, x, 0.1, 3, y=y)
    for bounds in ({"clip_min": 0.0}, {"clip_max": 1.0}):
        with pytest.raises(ValueError, match="give both or neither"):
            fast_gradient_method(model, x, 0.1, 2, y=y, **bounds)
        with pytest.raises(AssertionError):  # as CleverHans does
            fast_gradient_method(model, x, 0.1, 2, y=y, **bounds)


def test_sanity_checks_look_at_every_element_of_x(build, batch):
    model, (x, y) = build(), batch(2)
    x = np.clip(x, 0, 1)
    fast_gradient_method(model, x, 0.1, 2, y=y, clip_min=0, clip_max=1, sanity_checks=True)
    for value, counted in (
        (1.5, "0 elements .* 1 not at most"),
        (-0.5, "1 elements .* 0 not at most"),
        (np.nan, "1 .* 1 "),
    ):
        x[1, 2, 3, 0] = value
        with pytest.raises(ValueError, match=counted):
            fast_gradient_method(model, x, 0.1, 2, y=y, clip_min=0, clip_max=1, sanity_checks=True)
        fast_gradient_method(model, x, 0.1, 2, y=y, clip_min=0, clip_max=1)

        @tf.function
        def in_graph(x):
            return fast_gradient_method(model, x, 0.1, 2, y=y, clip_min=0.0, clip_max=1.0, sanity_checks=True)

        with pytest.raises(tf.errors.InvalidArgumentError):
            in_graph(x)
