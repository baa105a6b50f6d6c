"""The mode of each pass of a training step: what it normalises with, which statistics it moves, what it drops."""

import numpy as np
import pytest
import tensorflow as tf

from .softmax import (
    BN_FLOOR,
    LABELS,
    LINEAR,
    MOMENTUM,
    MOVING,
    NORMALISED,
    Expected,
    Linear,
    X,
    assert_near,
    cross_entropy,
    derivatives,
    moved,
    objective_of,
    tensors,
)


def normalised_model():
    """With batch normalisation, whose moving statistics are ``MOVING``."""
    layers = tf.keras.layers
    normalisation = layers.BatchNormalization(momentum=MOMENTUM, epsilon=BN_FLOOR, dtype="float64")
    inputs = tf.keras.Input(4, dtype="float64")
    model = tf.keras.Model(inputs, layers.Dense(3, dtype="float64")(normalisation(inputs)))
    begin_normalised(model)
    return model


def begin_normalised(model):
    gamma, beta, kernel, bias = NORMALISED.values()
    model.set_weights([gamma, beta, *MOVING, kernel, bias])


@pytest.fixture(scope="module")
def normalised():
    return normalised_model()


@pytest.mark.parametrize("own_loss", [False, True])
@pytest.mark.parametrize("statistics", ["updated", "kept"])
@pytest.mark.parametrize("mode", ["inference", "training"])
@pytest.mark.parametrize("attack_mode", ["inference", "training"])
def test_losses_and_attack_have_each_their_mode_and_each_pass_its_statistics(
    normalised, mode, attack_mode, statistics, own_loss
):
    begin_normalised(normalised)
    expected = Expected(mode=mode, attack_mode=attack_mode, statistics=statistics, own_loss=own_loss, epsilon=0.5)
    objective = objective_of(expected, normalised)
    losses, gradients = objective.gradients(*tensors(expected), normalised.trainable_variables)
    assert tuple(map(float, losses)) == pytest.approx(expected.losses(NORMALISED), rel=1e-10)
    assert_near([gradient.numpy() for gradient in gradients], expected.gradients(NORMALISED))

    one_pass_serves_both = mode == attack_mode and not own_loss
    passes = [X] * (attack_mode == "training" and not one_pass_serves_both)
    if mode == "training":
        passes += [X, X + expected.offset(NORMALISED)]
    moving = MOVING
    for x in passes if statistics == "updated" else []:
        moving = moved(moving, x)
    for variable, value in zip(normalised.non_trainable_variables, moving, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-12)


def test_modes_and_statistics_can_be_told_apart():
    modes = ["inference", "training"]
    cases = [Expected(mode=mode, attack_mode=attack, epsilon=0.5) for mode in modes for attack in modes]
    cases.append(Expected(mode="inference", attack_mode="training", statistics="kept", epsilon=0.5))
    totals = [expected.losses(NORMALISED)[2] for expected in cases]
    assert np.diff(np.sort(totals)).min() > 1e-3


class KnownDropout(Linear):
    """In training mode every pass drops inputs by the next one of these masks."""

    masks = np.random.default_rng(0).integers(0, 2, (3, *X.shape)).astype(float)

    def __init__(self):
        super().__init__(*LINEAR.values())
        self.drawn = 0

    def __call__(self, x, training=None):
        if training:
            x = x * self.masks[self.drawn]
            self.drawn += 1
        return super().__call__(x)


@pytest.mark.parametrize(
    ("attack_mode", "own_loss", "masks_of"),
    [
        ("training", False, {"attack": 0, "clean": 0, "adversarial": 1}),
        ("training", True, {"attack": 0, "clean": 1, "adversarial": 2}),
        ("inference", False, {"attack": None, "clean": 0, "adversarial": 1}),
    ],
    ids=["one-pass-serves-attack-and-clean-loss", "a-pass-of-its-own", "no-dropout-in-the-attack"],
)
def test_under_dropout_every_pass_draws_a_mask_of_its_own(attack_mode, own_loss, masks_of):
    expected = Expected(mode="training", attack_mode=attack_mode, own_loss=own_loss)
    model = KnownDropout()
    losses, gradients = objective_of(expected, model).gradients(*tensors(expected), model.variables)

    masks = {None: np.ones(X.shape), **dict(enumerate(KnownDropout.masks))}
    attack, clean, adversarial = (masks[masks_of[name]] for name in ("attack", "clean", "adversarial"))
    labels = np.eye(3)[LABELS]
    scores = np.exp((X * attack) @ LINEAR["kernel"] + LINEAR["bias"])
    offset = 0.3 * np.sign((scores / scores.sum(axis=1, keepdims=True) - labels) @ LINEAR["kernel"].T * attack)

    def total(weights):
        rows = ((X * clean, 1.0), ((X + offset) * adversarial, 0.5))
        return sum(share * cross_entropy(x @ weights["kernel"] + weights["bias"], labels).mean() for x, share in rows)

    assert float(losses.total) == pytest.approx(total(LINEAR), rel=1e-10)
    assert_near([gradient.numpy() for gradient in gradients], derivatives(total, LINEAR))
    assert model.drawn == len(set(masks_of.values()) - {None})
