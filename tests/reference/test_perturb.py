"""Adversarial examples against those of the real Neural Structured Learning 1.4.0, bit for bit."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from harness.reference import adversarial_loss, make_adv_reg_config, mean_over_batch, perturb

NORMS = ["infinity", "l2", "l1"]
LOSSES = tf.keras.losses


@pytest.fixture(scope="module")
def perturb_on_batch(nsl):
    """``AdversarialRegularization.perturb_on_batch`` of single images."""

    def perturbed(model, x, y, loss, **settings):
        config = nsl.configs.make_adv_reg_config(**settings)
        wrapped = nsl.keras.AdversarialRegularization(model, label_keys=["label"], adv_config=config)
        wrapped.compile("sgd", loss=loss)
        return wrapped.perturb_on_batch({"image": x, "label": y})["image"]

    return perturbed


def ours_on_batch(model, x, y, loss_fn, **settings):
    config = make_adv_reg_config(**settings)
    by_name = perturb(
        {"image": x},
        y,
        lambda inputs, training: model(inputs["image"], training=training),
        loss_fn,
        adv_config=config,
        model_kwargs={"training": False},
    )
    return by_name["image"].numpy()


def losses(*, from_logits):
    """What the wrapper is compiled with, and what the attack then differentiates."""
    for reduction in ("sum_over_batch_size", "sum", "none"):
        loss = LOSSES.SparseCategoricalCrossentropy(from_logits=from_logits, reduction=reduction)
        yield loss, mean_over_batch(loss) if reduction == "sum_over_batch_size" else loss
    function = LOSSES.sparse_categorical_crossentropy
    yield function, mean_over_batch(function)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("kind", ["mlp", "cnn", "normalised"])
@pytest.mark.parametrize("softmax", [False, True])
def test_adversarial_examples_are_those_of_nsl(perturb_on_batch, build, batch, same_bits, kind, norm, softmax):
    model = build(kind, softmax=softmax, activation="elu" if kind == "mlp" else "relu")
    bounds = {"clip_value_min": {"image": 0.0}, "clip_value_max": {"image": 1.0}}
    for size, (loss, loss_fn) in itertools.product((1, 7, 64), losses(from_logits=not softmax)):
        x, y = batch(size)
        settings = {"adv_step_size": 0.07, "adv_grad_norm": norm, **bounds}
        theirs = perturb_on_batch(model, x, y, loss, **settings)
        ours = ours_on_batch(model, x, y, loss_fn, **settings)
        assert same_bits(theirs, ours), (size, loss)
        assert not same_bits(x, ours)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("scale", [1e-3, 1e-5, 1e-9, 0.0, 1e38])
def test_small_zero_and_nonfinite_gradients(perturb_on_batch, build, batch, same_bits, norm, scale):
    model, (x, y) = build("linear", scale=scale), batch(7)
    loss = LOSSES.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    settings = {"adv_step_size": 0.3, "adv_grad_norm": norm}
    theirs = perturb_on_batch(model, x, y, loss, **settings)
    assert same_bits(theirs, ours_on_batch(model, x, y, loss, **settings))
    assert np.isfinite(theirs).all()


@pytest.mark.parametrize("norm", NORMS)
def test_one_nonfinite_element_of_a_gradient_is_left_alone(nsl, batch, same_bits, norm):
    x, y = batch(7)
    factors = np.ones(64, np.float32)
    factors[3], factors[5], factors[8] = np.inf, np.nan, -np.inf
    weights = tf.constant(np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32))

    @tf.custom_gradient
    def spoil(flat):
        return tf.identity(flat), lambda upstream: upstream * factors

    seen = []

    def model(images):
        seen.append(images)
        return tf.matmul(spoil(tf.reshape(images, [-1, 64])), weights)

    for attack in (nsl.keras.adversarial_loss, adversarial_loss):
        config = make_adv_reg_config(adv_step_size=0.3, adv_grad_norm=norm)
        nsl_config = nsl.configs.make_adv_reg_config(adv_step_size=0.3, adv_grad_norm=norm)
        given = nsl_config if attack is nsl.keras.adversarial_loss else config
        attack(tf.constant(x), y, model, LOSSES.SparseCategoricalCrossentropy(True), adv_config=given)
    _, theirs, _, ours = seen
    assert same_bits(theirs, ours)
    moved = (ours.numpy() - x).reshape(7, 64)
    assert (moved[:, [3, 5, 8]] == 0).all()
    assert (moved != 0).any(axis=1).all()


@pytest.mark.parametrize("norm", NORMS)
def test_a_mask_is_applied_before_the_direction_is_taken(perturb_on_batch, build, batch, same_bits, norm):
    model, (x, y) = build(), batch(7)
    mask = np.zeros((8, 8, 1), np.float32)
    mask[2:6] = np.linspace(0.1, 1.0, 32, dtype=np.float32).reshape(4, 8, 1)
    settings = {"adv_step_size": 0.3, "adv_grad_norm": norm, "feature_mask": {"image": mask}}
    loss = LOSSES.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    ours = ours_on_batch(model, x, y, loss, **settings)
    assert same_bits(perturb_on_batch(model, x, y, loss, **settings), ours)
    assert (ours[:, :2] == x[:, :2]).all()
    if norm == "l2":
        lengths = np.sqrt(np.square(ours - x).sum(axis=(1, 2, 3)))
        np.testing.assert_allclose(lengths, 0.3, rtol=1e-5)


def test_tied_gradients_share_the_l1_perturbation(nsl):
    weights = tf.constant([[1.0, -1.0], [-1.0, 1.0], [0.5, 0.0]])
    x, seen = tf.constant([[0.1, 0.2, 0.3]]), []

    def model(inputs):
        seen.append(inputs)
        return tf.matmul(inputs, weights)

    loss = LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss([0], tf.matmul(x, weights))
    first, second, third = np.abs(tape.gradient(value, x)[0])
    assert first == second > third, "the test needs a tie"
    config = nsl.configs.make_adv_reg_config(adv_step_size=0.4, adv_grad_norm="l1")
    for attack in (nsl.keras.adversarial_loss, adversarial_loss):
        attack(x, tf.constant([0]), model, loss, adv_config=config)
    np.testing.assert_array_equal(seen[1], seen[3])
    np.testing.assert_allclose((seen[3] - x)[0], [-0.2, 0.2, 0.0], atol=1e-7)


def two_inputs(wide=6, narrow=2):
    random = np.random.default_rng(0)
    first, second = (tf.keras.Input((n,), name=name) for n, name in ((wide, "wide"), (narrow, "narrow")))
    joined = tf.keras.layers.Concatenate()([first, second])
    model = tf.keras.Model([first, second], tf.keras.layers.Dense(3)(tf.keras.layers.Dense(8, "relu")(joined)))
    model.set_weights([random.normal(size=w.shape) for w in model.weights])
    features = {
        "wide": random.normal(size=(7, wide)).astype(np.float32),
        "narrow": random.normal(size=(7, narrow)).astype(np.float32),
    }
    return model, features, random.integers(0, 3, 7)


@pytest.mark.parametrize("norm", NORMS)
def test_the_norm_is_taken_over_all_inputs_together(nsl, same_bits, norm):
    model, features, y = two_inputs()
    loss = LOSSES.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    settings = {"adv_step_size": 0.3, "adv_grad_norm": norm, "clip_value_max": {"narrow": 0.5}}
    wrapped = nsl.keras.AdversarialRegularization(
        model, ["label"], adv_config=nsl.configs.make_adv_reg_config(**settings)
    )
    wrapped.compile("sgd", loss=loss)
    theirs = wrapped.perturb_on_batch({**features, "label": y})
    ours = perturb(
        features, y, lambda f: model([f["wide"], f["narrow"]]), loss, adv_config=make_adv_reg_config(**settings)
    )
    assert list(ours) == ["wide", "narrow"]
    for name in features:
        assert same_bits(theirs[name], ours[name])


@pytest.mark.parametrize("norm", ["infinity", "l2"])
def test_adversarial_examples_of_a_descent_are_those_of_nsl(perturb_on_batch, build, batch, same_bits, norm):
    model, (x, y) = build("cnn"), batch(7)
    settings = {"adv_step_size": 0.04, "adv_grad_norm": norm, "pgd_iterations": 3, "pgd_epsilon": 0.06}
    loss = LOSSES.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    theirs = perturb_on_batch(model, x, y, loss, **settings)
    ours = ours_on_batch(model, x, y, loss, **settings)
    assert same_bits(theirs, ours)
    size = np.abs(ours - x).max() if norm == "infinity" else np.sqrt(np.square(ours - x).sum(axis=(1, 2, 3))).max()
    assert size == pytest.approx(0.06, rel=1e-4)
