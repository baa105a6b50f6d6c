"""The objective of adversarial training, held to the same written in NumPy and differentiated numerically."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from harness.reference import CLEVERHANS, EXACT, NSL, training_step

from .softmax import (
    BEFORE,
    LINEAR,
    SAMPLE_WEIGHTS,
    Expected,
    Linear,
    X,
    assert_other,
    check,
    found_by,
    objective_of,
    tensors,
)


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
@pytest.mark.parametrize("weighting", [(1.0, 0.2), (0.2, 1.0), (0.25, 0.75), (0.0, 2.0), (3.0, 0.0)])
def test_the_total_is_the_weighed_sum_and_so_are_its_gradients(norm, weighting):
    clean, adversarial = weighting
    check(Expected(clean, adversarial, norm))


@pytest.mark.parametrize("conventions", [NSL, CLEVERHANS, EXACT], ids=["nsl", "cleverhans", "exact"])
@pytest.mark.parametrize("flow", ["stopped", "through"])
@pytest.mark.parametrize("weights", [LINEAR, {**BEFORE, **LINEAR}], ids=["features", "behind-a-layer"])
def test_under_l2_gradients_pass_through_the_perturbation_or_stop_at_it(flow, weights, conventions):
    expected = Expected(norm="l2", epsilon=1.0, flow=flow)
    check(expected, weights, conventions=conventions)
    assert_other(expected, replace(expected, flow={"stopped": "through", "through": "stopped"}[flow]), weights)


@pytest.mark.parametrize("norm", ["linf", "l1"])
@pytest.mark.parametrize("weights", [LINEAR, {**BEFORE, **LINEAR}], ids=["features", "behind-a-layer"])
def test_under_linf_and_l1_there_is_no_gradient_to_stop(norm, weights):
    check(Expected(norm=norm, flow="stopped"), weights)
    check(Expected(norm=norm, flow="through"), weights)


@pytest.mark.parametrize("smoothing", [0.0, 0.3], ids=["class-indices", "one-column-a-class"])
def test_the_attack_takes_given_or_predicted_labels_and_the_losses_the_given_ones(smoothing):
    given, predicted = Expected(smoothing=smoothing), Expected(smoothing=smoothing, labels="predicted", own_loss=True)
    check(given)
    check(predicted)
    check(replace(predicted, own_loss=False))
    assert_other(given, predicted)


def test_of_classes_that_tie_the_first_is_predicted():
    tied = {"kernel": np.stack([LINEAR["kernel"][:, 0]] * 2 + [LINEAR["kernel"][:, 1]], axis=1), "bias": np.zeros(3)}
    scores = X @ tied["kernel"]
    assert (scores[:, 0] > scores[:, 2]).sum() >= 3
    check(Expected(labels="predicted", own_loss=True, norm="l2"), tied)


def test_label_smoothing_reaches_the_attack_that_ascends_the_training_loss_only():
    reached, spared = (Expected(smoothing=0.6, norm="l2", epsilon=1.0, own_loss=own) for own in (False, True))
    check(reached)
    check(spared)
    assert_other(reached, spared)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("sample_weights", [None, SAMPLE_WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize("own_loss", [False, True])
def test_losses_are_weighted_and_averaged_over_the_batch_or_summed(reduction, sample_weights, own_loss):
    expected = Expected(reduction=reduction, sample_weights=sample_weights, own_loss=own_loss)
    check(expected)
    assert_other(expected, replace(expected, reduction={"mean": "sum", "sum": "mean"}[reduction]))
    if sample_weights is not None:
        assert_other(expected, replace(expected, sample_weights=None))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("own_loss", [False, True])
@pytest.mark.parametrize("flow", ["stopped", "through"])
def test_through_the_floor_under_the_norm_reduction_and_weights_reach_the_attack(reduction, own_loss, flow):
    small = {"kernel": LINEAR["kernel"] * 1e-6, "bias": LINEAR["bias"]}
    settings = {"norm": "l2", "epsilon": 1e6, "own_loss": own_loss, "flow": flow}
    expected = Expected(reduction=reduction, sample_weights=SAMPLE_WEIGHTS, **settings)
    losses, _ = found_by(expected, small)
    assert losses == pytest.approx(expected.losses(small), rel=1e-9)
    other = {"mean": "sum", "sum": "mean"}[reduction]
    for change in ({"reduction": other}, {"sample_weights": None}):
        moved_alike = np.allclose(expected.offset(small), replace(expected, **change).offset(small), rtol=1e-2)
        assert moved_alike == own_loss


@pytest.mark.parametrize("clip", [(-1.0, 1.0), (-0.5, None), (None, 0.25)])
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("weights", [LINEAR, {**BEFORE, **LINEAR}], ids=["features", "behind-a-layer"])
def test_adversarial_examples_are_clipped_clean_ones_are_not(clip, norm, weights):
    expected = Expected(norm=norm, clip=clip, flow="through")
    check(expected, weights, conventions=CLEVERHANS)
    assert_other(expected, replace(expected, clip=(None, None)), weights)


@pytest.mark.parametrize("own_loss", [False, True], ids=["two-passes", "three-passes"])
@pytest.mark.parametrize("added", [True, False])
def test_the_models_own_losses_are_added_once_or_not_at_all(added, own_loss):
    inputs, penalty = tf.keras.Input(4, dtype="float64"), tf.keras.regularizers.L2(0.1)
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(3, dtype="float64", kernel_regularizer=penalty)(inputs))
    model.set_weights(list(LINEAR.values()))
    expected = Expected(own_loss=own_loss)
    objective = objective_of(expected, model, regularization=added)
    losses, gradients = objective.gradients(*tensors(expected), model.trainable_variables)
    clean, adversarial, total = expected.losses(LINEAR)
    own = 0.1 * np.sum(LINEAR["kernel"] ** 2) * added
    assert tuple(map(float, losses)) == pytest.approx((clean, adversarial, total + own), rel=1e-7)
    of_kernel, of_bias = expected.gradients(LINEAR).values()
    np.testing.assert_allclose(gradients[0].numpy(), of_kernel + 0.2 * LINEAR["kernel"] * added, atol=1e-7)
    np.testing.assert_allclose(gradients[1].numpy(), of_bias, atol=1e-7)


def test_of_what_the_total_does_not_depend_on_the_gradient_is_zero():
    model, elsewhere = Linear(*LINEAR.values()), tf.Variable(tf.ones((2, 2)))
    for own_loss in (False, True):
        objective = objective_of(Expected(own_loss=own_loss), model)
        *_, gradient = objective.gradients(*tensors(Expected()), [*model.variables, elsewhere])[1]
        np.testing.assert_array_equal(gradient.numpy(), np.zeros((2, 2)))


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_two_passes_are_enough_where_one_serves_both_and_come_to_the_same(norm):
    expected = Expected(1.0, 0.2, norm)
    short, long = Linear(*LINEAR.values()), Linear(*LINEAR.values())
    losses, gradients = objective_of(expected, short).gradients(*tensors(expected), short.variables)
    three_passes = objective_of(expected, long, before=lambda x: x)
    other_losses, other_gradients = three_passes.gradients(*tensors(expected), long.variables)
    assert [short.passes, long.passes] == [2, 3]
    np.testing.assert_allclose(losses, other_losses, rtol=1e-12)
    for one, other in zip(gradients, other_gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)


OPTIMIZERS = {
    "sgd": lambda: tf.keras.optimizers.SGD(0.5, momentum=0.9, nesterov=True),
    "adam": lambda: tf.keras.optimizers.Adam(0.05),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize(
    "expected",
    [Expected(1.0, 0.2, sample_weights=SAMPLE_WEIGHTS), Expected(0.5, 0.5, "l2", flow="through", own_loss=True)],
    ids=["two-passes", "through-the-perturbation"],
)
def test_a_compiled_step_is_that_of_the_optimizer_on_the_gradients(optimizer, expected):
    sizes, both = (12, 5, 12, 5, 12), []
    for make in (training_step, uncompiled_step):
        model, used = Linear(*LINEAR.values()), OPTIMIZERS[optimizer]()
        used.build(model.variables)
        step = make(objective_of(expected, model), used, model.variables)
        losses = [[float(loss) for loss in step(*tensors(expected, size))] for size in sizes]
        both.append([np.array(losses), *(variable.numpy() for variable in model.variables)])
        traces = len(sizes) if make is uncompiled_step else 2  # one for full batches, one for smaller ones
        assert model.passes == traces * (3 if expected.own_loss else 2)
    for one, other in zip(*both, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    assert both[0][0][0] == pytest.approx(expected.losses(LINEAR), rel=1e-10)  # of before the update
    assert np.abs(both[0][1] - LINEAR["kernel"]).max() > 0.01


def uncompiled_step(objective, optimizer, variables):
    def step(x, labels, sample_weights=None):
        losses, gradients = objective.gradients(x, labels, sample_weights, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return losses

    return step


def test_a_step_of_gradient_descent_moves_against_the_gradient():
    model, optimizer = Linear(*LINEAR.values()), tf.keras.optimizers.SGD(0.5)
    expected = Expected(1.0, 0.2)
    optimizer.build(model.variables)
    training_step(objective_of(expected, model), optimizer, model.variables)(*tensors(expected))
    for variable, before, gradient in zip(
        model.variables, LINEAR.values(), expected.gradients(LINEAR).values(), strict=True
    ):
        np.testing.assert_allclose(variable.numpy(), before - 0.5 * gradient, atol=1e-7)
