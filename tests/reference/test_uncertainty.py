"""From a sample of gradients to what may become of the adversarial example."""

import numpy as np

from harness.reference.uncertainty import MARGIN, Step, is_undetermined, uncertainty

X = np.array([[0.2, 0.5, 0.9]])


def step(norm, low=None, high=None):
    return Step(X, epsilon=0.3, norm=norm, low=low, high=high)


def draws(gradient, *deviations):
    return np.array([np.array([gradient]) + np.array([deviation]) for deviation in deviations])


def test_a_sign_is_undetermined_within_the_margin():
    exact = np.array([[1.0, 1.0, 0.0, 0.0, 1.0]])
    spread = np.array([0.99 / MARGIN, 1.01 / MARGIN, 0.0, 1e-300, np.nan])
    drawn = np.array([exact + spread, exact - spread])
    assert is_undetermined(exact, drawn).tolist() == [[False, True, False, True, True]]


def test_linf_moves_anywhere_in_the_ball_and_the_bounds():
    gradient = np.array([[1.0, -1.0, 1.0]])
    drawn, undetermined = draws(gradient[0], [0, 0, 0]), np.array([[True, False, True]])
    measured = uncertainty(step("linf"), gradient, drawn, undetermined)
    np.testing.assert_allclose(measured, [[0.6, 0.0, 0.6]])
    bounded = uncertainty(step("linf", 0.0, 1.0), gradient, drawn, undetermined)
    np.testing.assert_allclose(bounded, [[0.5, 0.0, 0.4]])


def test_l2_moves_as_the_draws_do_but_never_out_of_the_ball():
    gradient = np.array([[3.0, 4.0, 0.0]])
    certain = np.zeros((1, 3), bool)
    still = uncertainty(step("l2"), gradient, draws(gradient[0], [0, 0, 0], [3e-9, 4e-9, 0]), certain)
    np.testing.assert_allclose(still, 0, atol=1e-12)  # along itself
    tilted = uncertainty(step("l2"), gradient, draws(gradient[0], [0, 0, 1e-6], [0, 0, -1e-6]), certain)
    np.testing.assert_allclose(tilted, [[0, 0, MARGIN * 0.3 * 1e-6 / 5]], atol=1e-12)
    turned = uncertainty(step("l2"), gradient, draws(gradient[0], [-6, -8, 0]), certain)
    np.testing.assert_allclose(turned, [[0.18 + 0.3, 0.24 + 0.3, 0.0]], atol=1e-12)


def test_l2_may_stay_where_it_is_if_its_sign_is_undetermined():
    gradient = np.array([[3.0, 4.0, 0.0]])
    measured = uncertainty(step("l2"), gradient, draws(gradient[0], [0, 0, 0]), np.ones((1, 3), bool))
    np.testing.assert_allclose(measured, [[0.18, 0.24, 0.0]])


def test_l1_moves_all_or_nothing_where_a_coordinate_may_be_the_largest():
    gradient = np.array([[1.0, -0.999, 0.5]])
    certain = np.zeros((1, 3), bool)
    known = uncertainty(step("l1"), gradient, draws(gradient[0], [1e-5, 0, 0], [-1e-5, 0, 0]), certain)
    np.testing.assert_array_equal(known, 0)
    for together in (1, -1):  # what moves both alike does not change which is larger
        wide = draws(gradient[0], [0.1, -0.1 * together, 0], [-0.1, 0.1 * together, 0])
        measured = uncertainty(step("l1", 0.3), gradient, wide, certain)
        # The second can only go down to the bound.
        expected = [[0.0, 0.0, 0.0]] if together == 1 else [[0.2, 0.2, 0.0]]
        np.testing.assert_allclose(measured, expected, atol=1e-12)
    doubtful = uncertainty(step("l1"), gradient, wide, np.array([[True, False, False]]))
    np.testing.assert_allclose(doubtful, [[0.6, 0.3, 0.0]])
