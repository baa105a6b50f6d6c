"""``adversarial_loss`` against the real Neural Structured Learning 1.4.0."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from harness.reference import AdvNeighborConfig, AdvRegConfig, adversarial_loss, make_adv_reg_config

NORMS = ["infinity", "l2", "l1"]
LOSSES = tf.keras.losses


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_loss_is_that_of_nsl_over_every_descent(nsl, build, batch, same_bits, activation):
    model, (x, y) = build(activation=activation), batch(7)
    loss = LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    settings = itertools.product(NORMS, (1, 3), (None, 0.05), (False, True))
    for norm, iterations, epsilon, random_init in settings:
        if norm == "l1" and epsilon is not None:
            continue
        config = nsl.configs.make_adv_reg_config(
            adv_step_size=0.04,
            adv_grad_norm=norm,
            pgd_iterations=iterations,
            pgd_epsilon=epsilon,
            random_init=random_init,
            clip_value_min=0.0,
        )
        values = []
        for attack in (nsl.keras.adversarial_loss, adversarial_loss):
            tf.random.set_seed(3)
            values.append(attack(tf.constant(x), y, model, loss, adv_config=config))
        assert same_bits(*values), (norm, iterations, epsilon, random_init)


def test_the_default_configuration_is_that_of_nsl(nsl, build, batch, same_bits):
    model, (x, y) = build(), batch(7)
    loss = LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    expected = nsl.keras.adversarial_loss(tf.constant(x), y, model, loss)
    assert same_bits(adversarial_loss(x, y, model, loss), expected)
    assert same_bits(adversarial_loss(x, y, model, loss, adv_config=AdvRegConfig()), expected)
    assert same_bits(adversarial_loss(x, y, model, loss, adv_config=nsl.configs.AdvRegConfig()), expected)


def test_fields_and_defaults_of_the_configuration_are_those_of_nsl(nsl):
    for ours, theirs in ((AdvRegConfig, nsl.configs.AdvRegConfig), (AdvNeighborConfig, nsl.configs.AdvNeighborConfig)):
        defaults = {name: getattr(value, "value", value) for name, value in vars(theirs()).items()}
        given = dict(vars(ours()))
        assert list(given) == list(defaults)
        for name in set(given) - {"adv_neighbor_config"}:
            assert given[name] == defaults[name], name
    flat = (0.3, None, 0.1, "l1", -1.0, 1.0, 5, 0.2, True)
    ours, theirs = make_adv_reg_config(*flat), nsl.configs.make_adv_reg_config(*flat)
    assert ours.multiplier == theirs.multiplier
    for name in vars(ours.adv_neighbor_config):
        value = getattr(theirs.adv_neighbor_config, name)
        assert getattr(ours.adv_neighbor_config, name) == getattr(value, "value", value), name
    with pytest.raises(ValueError, match=r"'l3' is not a norm. Valid: l2, l1, infinity"):
        make_adv_reg_config(adv_grad_norm="l3")


def test_gradients_with_respect_to_the_weights_are_those_of_nsl(nsl, build, batch):
    for kind, iterations in (("mlp", 1), ("normalised", 1), ("mlp", 3)):
        model, (x, y) = build(kind, activation="tanh"), batch(7)
        x, loss = tf.constant(x), LOSSES.SparseCategoricalCrossentropy(from_logits=True)
        config = nsl.configs.make_adv_reg_config(adv_step_size=0.5, pgd_iterations=iterations)
        attacks = (
            (nsl.keras.adversarial_loss, model),
            (adversarial_loss, model),
            (adversarial_loss, lambda x, m=model: m(x)),
        )
        gradients = []
        for attack, attacked in attacks:
            with tf.GradientTape() as tape:
                tape.watch(x)
                value = loss(y, model(x)) + 0.2 * attack(x, y, attacked, loss, adv_config=config)
            gradients.append(tape.gradient(value, [x, *model.trainable_variables]))
        for theirs, *ours in zip(*gradients, strict=True):
            for each in ours:
                np.testing.assert_allclose(each, theirs, rtol=1e-5, atol=1e-7)


def test_the_same_in_a_graph(nsl, build, batch):
    model, (x, y) = build(), batch(7)
    x, loss = tf.constant(x), LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    for iterations in (1, 3):
        config = nsl.configs.make_adv_reg_config(adv_step_size=0.1, pgd_iterations=iterations, pgd_epsilon=0.15)

        def both(x, y, config=config):
            results = []
            for attack in (nsl.keras.adversarial_loss, adversarial_loss):
                with tf.GradientTape() as tape:
                    value = attack(x, y, model, loss, adv_config=config)
                results.append((value, tape.gradient(value, model.trainable_variables)))
            return results

        theirs, ours = tf.function(lambda x, y, both=both: both(x, y))(x, y)
        plain = adversarial_loss(x, y, model, loss, adv_config=config)
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-6)
        np.testing.assert_allclose(ours[0], plain, rtol=1e-6)
        for left, right in zip(theirs[1], ours[1], strict=True):
            np.testing.assert_allclose(right, left, rtol=1e-4, atol=1e-7)


class Counting:
    """Counts the calls of a function."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *args, **kwargs):
        self.calls += 1
        return self.function(*args, **kwargs)


def test_what_is_given_is_not_computed_again(nsl, build, batch):
    model, (x, y) = build(), batch(7)
    x, keras_loss = tf.constant(x), LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    expected = adversarial_loss(x, y, model, keras_loss)
    for given, calls in ((None, (2, 2)), ("predictions", (1, 2)), ("labeled_loss", (1, 1))):
        for attack in (nsl.keras.adversarial_loss, adversarial_loss):
            called, loss = Counting(model), Counting(keras_loss)
            with tf.GradientTape() as tape:
                tape.watch(x)
                predictions = model(x)
                labeled_loss = keras_loss(y, predictions)
            known = {"predictions": predictions, "labeled_loss": labeled_loss}
            more = {} if given is None else {given: known[given], "gradient_tape": tape}
            value = attack(x, y, called, loss, **more)
            assert (called.calls, loss.calls) == calls, (given, attack)
            np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_what_is_given_is_not_computed_again_in_a_graph(build, batch):
    model, (x, y) = build(), batch(7)
    keras_loss = LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    expected = adversarial_loss(x, y, model, keras_loss)
    for name, calls in (("predictions", (1, 2)), ("labeled_loss", (1, 1))):
        called, loss = Counting(model), Counting(keras_loss)

        def given(x, y, name=name, called=called, loss=loss):
            with tf.GradientTape() as tape:
                tape.watch(x)
                known = {"predictions": model(x)}
                known["labeled_loss"] = keras_loss(y, known["predictions"])
            return adversarial_loss(x, y, called, loss, gradient_tape=tape, **{name: known[name]})

        np.testing.assert_allclose(tf.function(lambda x, y, f=given: f(x, y))(tf.constant(x), y), expected, rtol=1e-6)
        assert (called.calls, loss.calls) == calls


def test_a_random_start_has_no_use_for_what_is_given(nsl, build, batch, same_bits):
    model, (x, y) = build(), batch(7)
    x, loss = tf.constant(x), LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    config = nsl.configs.make_adv_reg_config(random_init=True)
    values = []
    for attack in (nsl.keras.adversarial_loss, adversarial_loss):
        tf.random.set_seed(5)
        values.append(attack(x, y, model, loss, adv_config=config, predictions=model(x)))
    assert same_bits(*values)


def test_what_is_given_is_used(build, batch):
    """Of twice the loss, or of other predictions, the gradient differs, and so does the result."""
    model, other, (x, y) = build(), build(seed=1), batch(7)
    x, loss = tf.constant(x), LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    expected = adversarial_loss(x, y, model, loss)
    for name in ("predictions", "labeled_loss"):
        with tf.GradientTape() as tape:
            tape.watch(x)
            given = {"predictions": other(x), "labeled_loss": -loss(y, model(x))}[name]
        assert adversarial_loss(x, y, model, loss, gradient_tape=tape, **{name: given}) < expected


def test_model_kwargs_reach_every_call(nsl, build, batch):
    model, (x, y) = build("normalised"), batch(7)
    x, loss = tf.constant(x), LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    weights = model.get_weights()
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.Dropout):
            layer.rate = 0.0
    values = []
    for attack in (nsl.keras.adversarial_loss, adversarial_loss):
        model.set_weights(weights)
        values.append((attack(x, y, model, loss, model_kwargs={"training": True}), model.get_weights()))
    (theirs, their_weights), (ours, our_weights) = values
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert abs(float(ours - adversarial_loss(x, y, model, loss))) > 1e-3
    for left, right in zip(their_weights, our_weights, strict=True):  # the moving averages of two calls each
        np.testing.assert_allclose(right, left, rtol=1e-6)


def test_sample_weights_of_one_column_are_used_as_in_nsl(nsl, build, batch, same_bits):
    model, (x, y) = build(), batch(7)
    x, loss = tf.constant(x), LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    weights = np.linspace(0, 2, 7, dtype=np.float32)[:, None]
    theirs = nsl.keras.adversarial_loss(x, y, model, loss, sample_weights=tf.constant(weights))
    ours = adversarial_loss(x, y, model, loss, sample_weights=weights)
    assert same_bits(theirs, ours)
    assert abs(float(ours - adversarial_loss(x, y, model, loss))) > 1e-3


def test_softmax_models_are_attacked_by_their_logits_in_eager_mode_and_in_graphs(nsl, build, batch):
    """Keras 2 notes the logits on what a softmax activation returns, and its cross-entropies use them."""
    model, (x, y) = build(softmax=True, scale=60.0), batch(7)
    logits = tf.keras.Model(model.input, model.layers[-1](model.layers[-2].output))
    logits.layers[-1].activation = tf.keras.activations.linear
    x, by_logits = tf.constant(x), LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    expected = adversarial_loss(x, y, logits, by_logits)
    model.layers[-1].activation = tf.keras.activations.softmax
    assert float(expected) > 20, "the test needs a loss that float32 probabilities cannot express"
    by_probabilities = LOSSES.SparseCategoricalCrossentropy()
    for attack in (nsl.keras.adversarial_loss, adversarial_loss):
        np.testing.assert_allclose(attack(x, y, model, by_probabilities), expected, rtol=1e-5)
        in_graph = tf.function(lambda x, y, attack=attack: attack(x, y, model, by_probabilities))
        np.testing.assert_allclose(in_graph(x, y), expected, rtol=1e-5)
