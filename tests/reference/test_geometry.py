"""The mathematics against NumPy's, for any gradients."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.reference import CLEVERHANS, EXACT, NSL, geometry

thorough = settings(max_examples=60, deadline=None)

DUAL = {"linf": 1, "l2": 2, "l1": np.inf}
ORDER = {"linf": np.inf, "l2": 2, "l1": 1}
CONVENTIONS = pytest.mark.parametrize("conventions", [NSL, CLEVERHANS, EXACT], ids=["nsl", "cleverhans", "exact"])
NORMS = pytest.mark.parametrize("norm", ["linf", "l2", "l1"])

# Ordinary magnitudes with zeros and ties: floors and underflow have tests of their own.
elements = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 2.0]), st.floats(1e-3, 1e3), st.floats(-1e3, -1e-3))


def inputs(dtype=np.float64):
    """A batch of 3 with two inputs."""
    return st.tuples(arrays(dtype, (3, 4), elements=elements), arrays(dtype, (3, 2, 2), elements=elements))


def flat(tensors):
    return np.concatenate([np.asarray(t).reshape(len(t), -1) for t in tensors], axis=1)


def norms(tensors, norm):
    return np.linalg.norm(flat(tensors), ord=ORDER[norm], axis=1)


@NORMS
@CONVENTIONS
@thorough
@given(gradients=inputs())
def test_the_steepest_direction_attains_the_dual_norm_within_the_unit_ball(gradients, norm, conventions):
    directions = geometry.steepest_direction([tf.constant(g) for g in gradients], norm=norm, conventions=conventions)
    dual = np.linalg.norm(flat(gradients), ord=DUAL[norm], axis=1)
    np.testing.assert_allclose((flat(directions) * flat(gradients)).sum(axis=1), dual, rtol=1e-12)
    assert (norms(directions, norm) <= 1 + 1e-12).all()
    still = (flat(gradients) == 0).all(axis=1)
    assert (flat(directions)[still] == 0).all()


@NORMS
@thorough
@given(gradients=inputs(), factor=st.floats(1e-6, 1e6))
def test_the_exact_direction_does_not_depend_on_the_length_of_the_gradient(gradients, norm, factor):
    ours = [
        flat(geometry.steepest_direction([tf.constant(g * f) for g in gradients], norm=norm, conventions=EXACT))
        for f in (1.0, factor * 1e-200)
    ]
    if norm == "l1":  # ties depend on the last bit, which the factor may change
        ours = [(d * flat(gradients)).sum(axis=1) for d in ours]
    np.testing.assert_allclose(ours[1], ours[0], rtol=1e-9)


@CONVENTIONS
def test_short_gradients_are_normalised_only_exactly(conventions):
    gradient = tf.constant([[3e-9, 4e-9]], tf.float64)
    (direction,) = geometry.steepest_direction([gradient], norm="l2", conventions=conventions)
    expected = [[0.6, 0.8]] if conventions is EXACT else [[3e-3, 4e-3]]
    np.testing.assert_allclose(direction, expected, rtol=1e-6)


def test_the_two_l2_conventions_round_differently():
    gradient = tf.constant(np.random.default_rng(0).normal(size=(100, 64)).astype(np.float32))
    (nsl,), (cleverhans,) = (
        geometry.steepest_direction([gradient], norm="l2", conventions=conventions) for conventions in (NSL, CLEVERHANS)
    )
    difference = np.abs(nsl - cleverhans).max()
    assert 0 < difference < 1e-7


@NORMS
def test_nonfinite_gradients_by_convention(norm):
    gradient = tf.constant([[1.0, np.nan, -np.inf, 2.0], [1.0, 2.0, -2.0, 0.0]])
    (stopped,) = geometry.steepest_direction([gradient], norm=norm, conventions=NSL)
    (spread,) = geometry.steepest_direction([gradient], norm=norm, conventions=CLEVERHANS)
    assert np.isfinite(stopped).all()
    assert (stopped.numpy()[0, 1:3] == 0).all()
    assert not np.isfinite(spread[0]).all()
    np.testing.assert_allclose(spread[1], stopped[1], rtol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@thorough
@given(perturbations=inputs(), radius=st.floats(1e-2, 1e2))
def test_projection_is_idempotent_and_the_nearest_point(perturbations, norm, radius):
    given_ = [tf.constant(p) for p in perturbations]
    once = geometry.project(given_, radius=radius, norm=norm)
    assert (norms(once, norm) <= radius * (1 + 1e-12)).all()
    inside = norms(perturbations, norm) <= radius
    np.testing.assert_array_equal(flat(once)[inside], flat(perturbations)[inside])
    np.testing.assert_allclose(flat(geometry.project(once, radius=radius, norm=norm)), flat(once), rtol=1e-12)
    distance = np.linalg.norm(flat(once) - flat(perturbations), axis=1)
    others = np.random.default_rng(0).normal(size=flat(once).shape)
    others *= radius / np.linalg.norm(others, ord=ORDER[norm], axis=1, keepdims=True)
    assert (distance <= np.linalg.norm(others - flat(perturbations), axis=1) + 1e-9).all()


@thorough
@given(
    x=arrays(np.float64, (5,), elements=elements),
    low=st.one_of(st.none(), elements),
    high=st.one_of(st.none(), elements),
)
def test_clipping_is_numpys_and_the_last_bound_wins(x, low, high):
    for conventions in (NSL, CLEVERHANS, EXACT):
        clipped = geometry.clip(tf.constant(x), low, high, conventions=conventions).numpy()
        if low is None or high is None or low <= high:
            expected = x if low is None and high is None else np.clip(x, low, high)
        else:
            expected = np.full(5, high if conventions is NSL else low)
        np.testing.assert_array_equal(clipped, expected)


@thorough
@given(x=inputs(np.float32), step_size=st.floats(1e-3, 10))
def test_the_offset_by_convention(x, step_size):
    start = [tf.constant(part) for part in x]
    directions = [tf.sign(part) for part in start]
    difference = geometry.offset(directions, start, start, step_size=step_size, conventions=NSL)
    product = geometry.offset(directions, start, start, step_size=step_size, conventions=CLEVERHANS)
    step = np.float32(step_size)
    for part, ours, direct in zip(x, difference, product, strict=True):
        np.testing.assert_array_equal(direct, np.sign(part) * step)
        np.testing.assert_array_equal(ours, (np.sign(part) * step + part) - part)


@NORMS
def test_random_points_fill_the_ball(norm):
    tf.random.set_seed(0)
    like = [tf.zeros([4000, 2]), tf.zeros([4000, 1])]
    points = geometry.random_point(like, radius=0.5, norm=norm)
    assert [p.shape for p in points] == [p.shape for p in like]
    lengths = norms(points, norm) / 0.5
    assert lengths.max() <= 1 + 1e-6
    # Of a uniform point in three dimensions the cube of the norm is uniform in [0, 1].
    np.testing.assert_allclose(np.quantile(lengths**3, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.03)
    np.testing.assert_allclose(flat(points).mean(axis=0), 0, atol=0.02)


def test_unknown_norms_are_named():
    x = [tf.ones([1, 2])]
    calls = (
        lambda: geometry.steepest_direction(x, norm="l3", conventions=NSL),
        lambda: geometry.project(x, radius=1.0, norm="l3"),
        lambda: geometry.random_point(x, radius=1.0, norm="l3"),
    )
    for call in calls:
        with pytest.raises(ValueError, match="'l3' is not a norm"):
            call()
    with pytest.raises(NotImplementedError, match="l1 ball"):
        geometry.project(x, radius=1.0, norm="l1")
