"""The replay of a trace with roundings: right where nothing is rounded, and rough as float32 where it is."""

import numpy as np
import pytest
import tensorflow as tf

from harness.reference import rounding
from harness.reference.rounding import AMPLIFICATION, rounded


def replayed(function, *arguments, draws=200):
    """Draws of a function of float64 tensors with every operation rounded."""
    traced = tf.function(function).get_concrete_function(*map(tf.constant, arguments))
    replay, roundings = rounded(traced)
    replay = tf.function(replay)
    random = np.random.default_rng(0)
    scales = random.uniform(1, 2, (draws, roundings))
    return np.stack([replay(tf.constant(row), *map(tf.constant, arguments))[0].numpy() for row in scales]), roundings


def test_rounding_errors_are_those_of_float32_amplified():
    x = np.random.default_rng(1).uniform(0.5, 4.0, 50)
    drawn, roundings = replayed(lambda x: x * 3.0, x)
    assert roundings == 2  # of the argument and of the product
    relative = drawn / (3 * x) - 1
    unit = AMPLIFICATION * 2.0**-24
    assert np.abs(relative).max() <= 2 * unit * 1.0001
    assert 0.4 * unit < relative.std() < 1.0 * unit
    assert abs(relative.mean()) < 0.05 * unit
    draws_by_draws = np.corrcoef(relative)[np.triu_indices(len(relative), 1)]
    assert np.abs(draws_by_draws.mean()) < 0.02


def test_equal_values_stay_equal_and_zeros_zero():
    drawn, _ = replayed(lambda x: tf.exp(x) - 1.0, np.array([0.3, 0.3, 0.0, 0.7]))
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 1])
    assert np.ptp(drawn[:, 0]) > 0
    assert (drawn[:, 0] != drawn[:, 3]).all()
    moved, roundings = replayed(lambda x: tf.reverse(tf.nn.relu(tf.reshape(-x, [2, 2])), [0]), np.arange(-2.0, 2.0))
    assert roundings <= 1
    np.testing.assert_allclose(moved[0], [[0, 0], [2, 1]], rtol=1e-6)


def test_cancellation_is_seen():
    drawn, _ = replayed(lambda x: 1.0 - tf.tanh(x) ** 2, np.array([10.0, 1.0]))
    true = 1 - np.tanh([10.0, 1.0]) ** 2
    spread = drawn.std(axis=0) / true
    assert spread[0] > 1
    assert spread[1] < 1e-5


def test_lost_and_overflowing_values():
    drawn, _ = replayed(lambda x: x * 1.0, np.array([1e-36, 1e-33, 1e38, 1e39]))
    relative = drawn / np.array([1e-36, 1e-33, 1e38, 1e39]) - 1
    assert (np.abs(relative[:, 0]) > 1).all()
    assert (np.abs(relative[:, 1]) < 1e-6).all()
    assert not np.isfinite(drawn[:, 3]).any()


def test_functions_that_the_trace_calls_are_one_operation_each():
    @tf.function
    def inner(x):
        return x * 3.0 + 1.0

    def loop(x):
        _, x = tf.while_loop(lambda i, _: i < 3, lambda i, x: (i + 1, x * 2.0), (tf.constant(0), inner(x)))
        return x

    drawn, roundings = replayed(loop, np.array([0.1]), draws=20)
    assert roundings == 3
    np.testing.assert_allclose(drawn, (0.1 * 3 + 1) * 8, rtol=1e-5)
    assert np.ptp(drawn) > 0


def test_without_amplification_by_nothing_the_replay_is_the_trace(monkeypatch, build, batch):
    monkeypatch.setattr(rounding, "AMPLIFICATION", 0.0)
    for kind in ("cnn", "normalised"):
        model, (x, _) = build(kind, dtype="float64"), batch(3)
        drawn, _ = replayed(model, x.astype(np.float64), draws=1)
        np.testing.assert_array_equal(drawn[0], model(x.astype(np.float64)))


@pytest.mark.parametrize("kind", ["mlp", "cnn", "normalised"])
def test_draws_of_a_model_are_as_far_apart_as_float32_is_off(build, batch, kind):
    single, double, (x, _) = build(kind), build(kind, dtype="float64"), batch(32)
    exact = double(x.astype(np.float64)).numpy()
    drawn, _ = replayed(double, x.astype(np.float64), draws=16)
    spread = np.sqrt(np.mean((drawn - exact) ** 2))
    error = np.sqrt(np.mean((single(x).numpy() - exact) ** 2))
    assert 0.3 * AMPLIFICATION < spread / error < 3 * AMPLIFICATION
