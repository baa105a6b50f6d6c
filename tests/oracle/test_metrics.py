"""The figures of a comparison, on arrays small enough to check by hand."""

import json

import numpy as np
import pytest

from harness.oracle.metrics import Yardstick, compare, describe

X = {"x": np.array([[0.5, 0.0, -0.25], [1.0, 0.25, 0.75]], np.float32)}
EPSILON = 0.125


def moved(by, x=None):
    return {"x": (X if x is None else x)["x"] + np.asarray(by, np.float32)}


def compared(left, right, **arguments):
    return compare(X, left, right, **{"epsilon": EPSILON, "yardstick": None, **arguments})


def test_the_same_bits_do_not_differ():
    side = moved(np.full((2, 3), EPSILON))
    metrics = compared(side, {"x": side["x"].copy()})
    assert (metrics["differing"], metrics["max_absolute"], metrics["roundoff_to_pass"]) == (0, 0.0, 0.0)
    assert metrics["cosine"] == pytest.approx(1.0)


def test_minus_zero_differs_in_bits_but_not_in_value():
    left, right = moved(np.zeros((2, 3))), moved(np.zeros((2, 3)))
    right["x"][0, 1] = -0.0
    metrics = compared(left, right)
    assert metrics["differing"] == 1
    assert metrics["roundoff_to_pass"] == 0.0


def test_roundoff_is_counted_at_the_larger_of_input_and_epsilon():
    # Next to x = 0 the spacing of floats at the adversarial value would be tiny; at epsilon it is 2^-26.
    left = moved([[0, EPSILON, 0], [0, 0, 0]])
    right = {"x": left["x"].copy()}
    right["x"][0, 1] = np.nextafter(left["x"][0, 1], np.float32(1))
    metrics = compared(left, right)
    assert metrics["max_roundoff"] == pytest.approx(
        float(np.spacing(np.float32(EPSILON))) / float(np.spacing(np.float32(EPSILON)))
    )
    right["x"][0, 1] = left["x"][0, 1]
    right["x"][1, 0] = np.nextafter(left["x"][1, 0], np.float32(2))  # x = 1: spacing 2^-23
    assert compared(left, right)["max_roundoff"] == 1.0


def test_the_worst_element_is_named_by_input_and_index():
    x = {"a": np.zeros((2, 3), np.float32), "b": np.zeros((2, 2, 2), np.float32)}
    left = {name: array.copy() for name, array in x.items()}
    right = {name: array.copy() for name, array in x.items()}
    left["a"][0, 1], left["b"][1, 0, 1], right["b"][1, 0, 1] = 0.125, 0.5, -0.5
    metrics = compare(x, left, right, epsilon=EPSILON, yardstick=None)
    assert metrics["worst"] == {"input": "b", "index": [1, 0, 1], "left": 0.5, "right": -0.5, "x": 0.0}
    assert metrics["differing"] == 2
    assert metrics["max_absolute"] == 1.0
    assert metrics["mean_absolute"] == pytest.approx(1.125 / 14)


def test_signs_flip_only_between_opposite_perturbations():
    left = moved([[EPSILON, EPSILON, 0], [EPSILON, 0, 0]])
    right = moved([[-EPSILON, EPSILON, EPSILON], [EPSILON, 0, 0]])
    assert compared(left, right)["sign_flips"] == 1


def yardstick(uncertain):
    allowance = np.zeros((2, 3))
    allowance[uncertain] = 2 * EPSILON
    return Yardstick({"x": allowance}, {"x": allowance > 0})


def test_only_undetermined_coordinates_may_flip():
    left = moved(np.full((2, 3), EPSILON))
    right = moved([[-EPSILON, EPSILON, EPSILON], [EPSILON, EPSILON, EPSILON]])
    excused = compared(left, right, yardstick=yardstick((0, 0)))
    assert (excused["sign_flips"], excused["sign_flips_undetermined"], excused["roundoff_to_pass"]) == (1, 1, 0.0)
    elsewhere = compared(left, right, yardstick=yardstick((1, 1)))
    assert (elsewhere["sign_flips"], elsewhere["sign_flips_undetermined"]) == (1, 0)
    assert elsewhere["roundoff_to_pass"] > 1e6
    assert elsewhere["worst"]["index"] == [0, 0]


def test_a_difference_that_is_no_number_passes_under_no_tolerance():
    left, right = moved(np.zeros((2, 3))), moved(np.zeros((2, 3)))
    right["x"][1, 2] = np.nan
    metrics = compared(left, right, yardstick=yardstick((1, 2)))
    assert metrics["roundoff_to_pass"] is None
    assert (metrics["incomparable"], metrics["worst"]["index"], metrics["worst"]["right"]) == (1, [1, 2], "nan")


def test_nan_on_both_sides_is_agreement():
    left, right = moved(np.zeros((2, 3))), moved(np.zeros((2, 3)))
    left["x"][0, 0] = right["x"][0, 0] = np.nan
    assert compared(left, right)["incomparable"] == 0
    assert compared(left, right)["differing"] == 0


def test_float64_against_float32_counts_in_units_of_float32():
    left = moved(np.full((2, 3), EPSILON))
    right = {"x": left["x"].astype(np.float64) + 2.0**-30}
    metrics = compared(left, right)
    assert metrics["differing"] == 6
    assert metrics["max_roundoff"] == pytest.approx(2.0**-30 / 2.0**-26)


def test_cosine_of_opposite_perturbations_and_of_none():
    up = moved(np.full((2, 3), EPSILON))
    assert compared(up, moved(np.full((2, 3), -EPSILON)))["cosine"] == pytest.approx(-1.0)
    assert compared(up, moved(np.zeros((2, 3))))["cosine"] is None


def test_description_of_one_side():
    figures = describe(X, moved([[EPSILON, -EPSILON, 0], [0, 0, 0]]))
    assert figures["perturbation"]["linf"] == [0.0, EPSILON / 2, EPSILON]
    assert figures["perturbation"]["l1"][2] == 2 * EPSILON
    assert figures["perturbation"]["l2"][2] == pytest.approx(EPSILON * np.sqrt(2))
    assert (figures["unperturbed"], figures["nonfinite"]) == (1, 0)


@pytest.mark.parametrize("beyond", [np.inf, np.finfo(np.float32).max])
def test_an_input_beyond_all_floats_leaves_every_figure_finite(beyond):
    """A scenario may state 1e39, which is none of float32: what is clipped there can still be compared."""
    x = {"x": np.array([[0.5, beyond]], np.float32)}
    left, right = {"x": np.array([[0.6, 1.0]], np.float32)}, {"x": np.array([[0.6, beyond]], np.float32)}
    unknown = Yardstick({"x": np.array([[0.0, np.nan]])}, {"x": np.zeros((1, 2), bool)})
    same = compare(x, left, left, epsilon=EPSILON, yardstick=unknown)
    apart = compare(x, left, right, epsilon=EPSILON, yardstick=unknown)
    assert (same["differing"], same["roundoff_to_pass"], apart["differing"]) == (0, 0.0, 1)
    json.dumps([same, apart], allow_nan=False)
