"""Compiled where nobody can tell: same bits, same side effects, up to date, and nothing kept alive."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.func_graph import FuncGraph

from harness.reference import adversarial_loss, fast_gradient_method, make_adv_reg_config, yardstick
from harness.reference.compiled import CompiledObjective, objective_for
from harness.reference.descent import perturbed
from harness.reference.features import Features
from harness.reference.objective import Objective
from harness.reference.traces import traces_of
from harness.vocabulary import NORMS

LOSSES = tf.keras.losses
LOGITS = LOSSES.SparseCategoricalCrossentropy(from_logits=True)


def is_compiled(model, loss=LOGITS, y=(0,), **model_kwargs):
    return isinstance(objective_for(model, model_kwargs, loss, tf.constant(y), None), CompiledObjective)


def gradients(model, x, y, loss, **model_kwargs):
    """Compiled and plain."""
    features = Features.of(x)
    compiled = objective_for(model, model_kwargs, loss, tf.constant(y), None)
    assert isinstance(compiled, CompiledObjective)
    plain = Objective(lambda inputs: model(inputs, **model_kwargs), loss, tf.constant(y), None)
    results = [objective.gradients(features)[0].numpy() for objective in (compiled, plain)]
    assert all(trace is not None for trace in traces_of(model, loss).values()), "it fell back to a plain call"
    return results


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "elu", "swish", "softplus"])
def test_the_gradient_has_the_bits_of_a_plain_call(build, batch, activation):
    for kind in ("mlp", "cnn", "normalised"):
        for softmax in (False, True):
            model = build(kind, activation=activation, softmax=softmax)
            loss = LOSSES.SparseCategoricalCrossentropy(from_logits=not softmax)
            for size in (1, 7):
                compiled, plain = gradients(model, *batch(size), loss)
                np.testing.assert_array_equal(compiled, plain)


@pytest.mark.parametrize("norm", NORMS)
def test_the_perturbation_has_the_bits_of_a_plain_call(build, batch, norm):
    """The step is compiled with the gradient, and TensorFlow's rewriting would divide by the length in another way."""
    for kind in ("mlp", "cnn"):
        model, (x, y) = build(kind), batch(7)
        features, config = Features.of(x), make_adv_reg_config(adv_step_size=0.3, adv_grad_norm=norm)
        compiled = objective_for(model, {}, LOGITS, tf.constant(y), None)
        plain = Objective(model, LOGITS, tf.constant(y), None)
        moved = [
            perturbed(features, objective, config.adv_neighbor_config, first_gradients=None).packed.numpy()
            for objective in (compiled, plain)
        ]
        np.testing.assert_array_equal(*moved)
        assert not np.array_equal(moved[0], x)
        assert [trace is not None for trace in traces_of(model, LOGITS).values()] == [True], "it was not one trace"


def test_a_bare_softmax_is_not_looked_through(batch):
    """In a graph Keras would find the operation that made the probabilities, and go back to the logits."""
    layers = tf.keras.layers
    dense = layers.Dense(5, activation=tf.nn.softmax)  # unlike "softmax" it does not note the logits on its result
    model = tf.keras.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), dense])
    model.set_weights([w * 100 for w in model.get_weights()])
    x, y = batch(7)
    compiled, plain = gradients(model, x, y, LOSSES.SparseCategoricalCrossentropy())
    np.testing.assert_array_equal(compiled, plain)
    assert (plain.reshape(7, -1) == 0).all(axis=1).any(), "the test needs a probability that Keras clips"


def test_compiled_once_for_every_epsilon_and_batch_size(build, batch):
    model, loss = build(), LOSSES.SparseCategoricalCrossentropy(from_logits=True)
    for size in (1, 7, 64):
        for epsilon in (0.1, 0.2):
            x, y = batch(size)
            adversarial_loss(x, y, model, loss, adv_config=make_adv_reg_config(adv_step_size=epsilon))
    assert len(traces_of(model, loss)) == 2  # a gradient and a value
    model, default = build(), tf.nn.sparse_softmax_cross_entropy_with_logits
    for epsilon in (0.1, 0.2):
        fast_gradient_method(model, x, epsilon, np.inf, y=y)
        fast_gradient_method(model, x, epsilon, 2, y=y)
    assert len(traces_of(model, default)) == 1


def test_changes_of_model_and_loss_are_seen(build, batch):
    model, (x, y) = build(), batch(7)
    loss = LOSSES.SparseCategoricalCrossentropy(from_logits=True)

    def plain():
        tf.config.run_functions_eagerly(True)
        try:
            value = float(tf.reduce_sum(adversarial_loss(x, y, model, loss)))
            return value, fast_gradient_method(model, x, 0.1, 2, y=y)
        finally:
            tf.config.run_functions_eagerly(False)

    seen = set()

    def check():
        value = float(tf.reduce_sum(adversarial_loss(x, y, model, loss)))
        adversarial = fast_gradient_method(model, x, 0.1, 2, y=y)
        expected_value, expected_adversarial = plain()
        assert value == pytest.approx(expected_value, rel=1e-6)
        np.testing.assert_allclose(adversarial, expected_adversarial, atol=2e-7)
        seen.add(value)

    check()
    model.set_weights([w * 1.5 for w in model.get_weights()])
    check()
    model.layers[1].activation = tf.keras.activations.tanh
    check()
    model.add(tf.keras.layers.LeakyReLU(0.5))
    check()
    loss.reduction = "sum"
    check()
    assert len(seen) == 5


def test_a_frozen_batch_normalisation_is_seen(build, batch):
    model, (x, y) = build("normalised"), batch(7)
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.Dropout):
            layer.rate = 0.0
    assert is_compiled(model, training=True)
    first, _ = gradients(model, x, y, LOGITS, training=True)
    model.trainable = False
    frozen, plain = gradients(model, x, y, LOGITS, training=True)
    np.testing.assert_array_equal(frozen, plain)
    assert not np.array_equal(first, frozen)


class Subclassed(tf.keras.Model):
    def __init__(self, inner):
        super().__init__()
        self.inner, self.calls = inner, 0

    def call(self, inputs):
        self.calls += 1
        return self.inner(inputs)


def test_python_of_the_users_runs_at_every_call(build, batch):
    x, y = batch(7)
    layers, calls = tf.keras.layers, []
    subclassed = Subclassed(build())
    with_lambda = tf.keras.Sequential([build(), layers.Lambda(lambda z: (calls.append(1), z)[1])])
    penalised = layers.Dense(5, activity_regularizer="l2")
    regularized = tf.keras.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), penalised])
    own_activation = tf.keras.Sequential([layers.Input((8, 8, 1)), layers.Flatten(), layers.Dense(5, lambda z: z)])
    inputs = layers.Input((8, 8, 1))
    adding = tf.keras.Model(inputs, build()(inputs))
    adding.add_loss(tf.reduce_mean(inputs**2))
    debugged = build()
    debugged.compile(run_eagerly=True)
    for model in (subclassed, with_lambda, regularized, own_activation, adding, debugged):
        model(x)
        assert not is_compiled(model)
    assert is_compiled(build())
    assert not is_compiled(build(), loss=lambda y, z, w: LOGITS(y, z, w))
    assert not is_compiled(build(), mask=tf.ones(7))

    subclassed.calls = 0
    calls.clear()
    for _ in range(2):
        adversarial_loss(x, y, subclassed, LOGITS)
        adversarial_loss(x, y, with_lambda, LOGITS)
    assert subclassed.calls == len(calls) == 4
    for model in (regularized, adding):
        adversarial_loss(x, y, model, LOGITS)
        assert [float(loss) > 0 for loss in model.losses] == [True]


def test_random_layers_obey_the_seed(build, batch):
    model, (x, y) = build("normalised"), batch(7)
    values = []
    for seed in (1, 1, 2):
        tf.random.set_seed(seed)
        values.append(float(adversarial_loss(x, y, model, LOGITS, model_kwargs={"training": True})))
        model.set_weights(build("normalised").get_weights())
    assert values[0] == values[1] != values[2]


def test_run_functions_eagerly_gives_the_bits_of_plain_calls_throughout(nsl, build, batch, same_bits):
    model, (x, y) = build(activation="swish"), batch(7)
    tf.config.run_functions_eagerly(True)
    try:
        assert not is_compiled(model)
        ours = adversarial_loss(x, y, model, LOGITS)
        assert same_bits(nsl.keras.adversarial_loss(tf.constant(x), y, model, LOGITS), ours)
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.mark.long
def test_no_model_is_kept_alive():
    """Two hundred models, each attacked in every way: all go, and so do their weights and their traces."""
    layers = tf.keras.layers
    x, y = np.ones((2, 3), np.float32), np.array([0, 1])

    def attacked(index):
        model = tf.keras.Sequential([layers.Input((3,)), layers.Dense(2)])
        loss = LOSSES.SparseCategoricalCrossentropy(from_logits=True)
        if index % 2:
            fast_gradient_method(model, x, 0.1, 2)
        else:
            fast_gradient_method(lambda images: model(images), x, 0.1, np.inf, loss_fn=lambda labels, logits: logits)
        if index % 20 == 0:
            adversarial_loss(x, y, model, loss)
            double = tf.keras.Sequential([layers.Input((3,)), layers.Dense(2, dtype="float64")])
            yardstick(double, x, y, epsilon=0.1, norm="linf")
            return [weakref.ref(part) for part in (model, loss, model.weights[0], double, double.weights[0])]
        return [weakref.ref(part) for part in (model, loss, model.weights[0])]

    attacked(0)
    gc.collect()
    before = sum(isinstance(thing, FuncGraph) for thing in gc.get_objects())
    references = [reference for index in range(200) for reference in attacked(index)]
    gc.collect()
    assert not [reference() for reference in references if reference() is not None]
    assert sum(isinstance(thing, FuncGraph) for thing in gc.get_objects()) <= before
