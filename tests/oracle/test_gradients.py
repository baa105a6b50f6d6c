"""Losses and gradients of one step, on arrays small enough to check by hand."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.oracle.gradients import compare, cosine, relative_distance
from harness.oracle.verdicts import Tolerance, judge
from harness.vocabulary import Verdict

KERNEL, BIAS = "gradient/00-kernel", "gradient/01-bias"


def side(clean: Any = 1.0, adversarial: Any = 2.0, total: Any = 1.5, *, dtype: Any = np.float32, **gradients: Any):
    given_arrays = {
        "clean_loss": clean,
        "adversarial_loss": adversarial,
        "total_loss": total,
        KERNEL: [[1.0, -2.0], [0.5, 0.0]],
        BIAS: [0.25, 0.125],
        **{f"gradient/{name}": array for name, array in gradients.items()},
    }
    return {name: np.array(array, dtype) for name, array in given_arrays.items()}


def changed(arrays_of_side, name, index, value):
    copies = {key: array.copy() for key, array in arrays_of_side.items()}
    copies[name][index] = value
    return copies


def compared(left, right, *, left_scale=1.0, right_scale=1.0, uncertainty=None):
    metrics = compare(left, right, left_scale=left_scale, right_scale=right_scale, uncertainty=uncertainty)
    return json.loads(json.dumps(metrics, allow_nan=False))


def verdict(metrics, **tolerance):
    return judge(metrics, Tolerance(**tolerance), kind="loss")


def test_the_same_bits_do_not_differ():
    metrics = compared(side(), side())
    assert (metrics["elements"], metrics["differing"], metrics["roundoff_to_pass"]) == (9, 0, 0.0)
    assert (metrics["cosine"], metrics["relative_distance"], metrics["scale"]) == (pytest.approx(1), 0.0, 1.0)
    assert metrics["loss_difference"] == {"clean": 0.0, "adversarial": 0.0, "total": 0.0}
    assert verdict(metrics) is Verdict.EQUAL


def test_round_off_of_a_gradient_is_counted_at_its_largest_element_of_either_side():
    left = side()
    right = changed(left, KERNEL, (1, 1), 2.0**-22)  # next to zero, in an array that reaches 2: spacing 2^-22
    metrics = compared(left, right)
    assert (metrics["max_roundoff"], metrics["roundoff_to_pass"], metrics["max_absolute"]) == (1.0, 1.0, 2.0**-22)
    assert metrics["worst"] == {"name": KERNEL, "index": [1, 1], "left": 0.0, "right": 2.0**-22}
    right = changed(right, KERNEL, (0, 0), 4.0)
    assert compared(left, right)["max_roundoff"] == 3.0 / 2.0**-21


def test_each_weight_has_its_own_unit_and_each_loss_too():
    left = side()
    right = changed(left, BIAS, 0, 0.25 + 2.0**-22)  # largest 0.25: spacing 2^-25
    assert compared(left, right)["max_roundoff"] == 8.0
    right = changed(left, "adversarial_loss", (), 2.0 + 2.0**-20)  # spacing 2^-22
    metrics = compared(left, right)
    assert metrics["max_roundoff"] == 4.0
    assert metrics["worst"] == {"name": "adversarial_loss", "index": [], "left": 2.0, "right": 2.0 + 2.0**-20}
    assert metrics["loss_difference"] == {"clean": 0.0, "adversarial": 2.0**-20, "total": 0.0}


def test_the_tolerance_of_gradients_is_its_own():
    left = side()
    right = changed(left, BIAS, 0, 0.25 + 17 * 2.0**-25)
    metrics = compared(left, right)
    assert verdict(metrics) is Verdict.DIVERGED
    assert verdict(metrics, max_gradient_roundoff=17) is Verdict.CLOSE
    assert verdict(metrics, max_roundoff=17) is Verdict.DIVERGED
    assert verdict(compared(left, changed(left, BIAS, 0, 0.25 + 16 * 2.0**-25))) is Verdict.CLOSE


def test_the_scale_applies_to_the_total_and_the_gradients_but_not_to_the_two_losses():
    left, right = side(total=3.0), side(total=1.5)
    right[KERNEL] /= 2
    right[BIAS] /= 2
    alike = compared(left, right, right_scale=2.0)
    assert (alike["differing"], alike["scale"]) == (0, 1.0)
    assert verdict(alike) is Verdict.EQUAL
    unscaled = compared(left, right)
    assert verdict(unscaled) is Verdict.DIVERGED
    assert unscaled["loss_difference"] == {"clean": 0.0, "adversarial": 0.0, "total": 1.5}
    assert (unscaled["scale"], unscaled["cosine"]) == (0.5, pytest.approx(1))
    assert unscaled["relative_distance"] == pytest.approx(0.5)


def test_bits_count_when_nothing_is_scaled_and_values_when_something_is():
    left = side()
    right = changed(left, KERNEL, (1, 1), -0.0)
    assert compared(left, right)["differing"] == 1
    assert verdict(compared(left, right)) is Verdict.CLOSE
    assert compared(left, side(dtype=np.float64))["differing"] == 0
    halved = {name: array if name in ("clean_loss", "adversarial_loss") else array / 2 for name, array in right.items()}
    assert compared(left, halved, right_scale=2.0)["differing"] == 0


def test_float64_against_float32_counts_in_units_of_float32():
    left, right = side(), side(dtype=np.float64)
    right[BIAS][0] += 2.0**-30
    assert compared(left, right)["max_roundoff"] == 2.0**-30 / 2.0**-25
    assert compared(side(dtype=np.float64), right)["max_roundoff"] == 2.0**-30 / 2.0**-54


@pytest.mark.filterwarnings("error")
def test_the_largest_floats_and_zeros_have_a_unit_too():
    largest = float(np.finfo(np.float32).max)
    metrics = compared(side(total=largest), side(total=0.0))
    assert metrics["roundoff_to_pass"] == largest / 2.0**104
    assert compared(side(total=largest), side(total=0.0), left_scale=2.0)["roundoff_to_pass"] == largest / 2.0**103
    assert compared(side(total=0.0), side(total=2.0**-149))["roundoff_to_pass"] == 1.0


def test_what_float32_cannot_know_is_allowed_for_twice():
    left = side()
    right = changed(left, BIAS, 0, 0.25 + 10 * 2.0**-25)
    allowance = {"gradient/01-bias": np.array(3 * 2.0**-25)}
    metrics = compared(left, right, uncertainty=allowance)
    assert (metrics["max_roundoff"], metrics["roundoff_to_pass"]) == (10.0, 4.0)
    assert verdict(metrics) is Verdict.CLOSE
    # Not for another weight, nor by a figure that could not be computed.
    assert compared(left, right, uncertainty={KERNEL: np.array(1.0)})["roundoff_to_pass"] == 10.0
    for unknown in (np.nan, np.inf):
        assert compared(left, right, uncertainty={BIAS: np.array(unknown)})["roundoff_to_pass"] == 10.0


def test_the_worst_element_is_the_one_that_decides():
    left = side()
    right = changed(changed(left, KERNEL, (0, 1), -2.5), BIAS, 1, 0.125 + 2.0**-20)
    assert compared(left, right)["worst"]["name"] == KERNEL
    excused = compared(left, right, uncertainty={KERNEL: np.array(1.0)})
    assert (excused["worst"]["name"], excused["worst"]["index"]) == (BIAS, [1])


def test_a_loss_that_one_library_does_not_compute_is_left_to_the_other_figures():
    left, right = side(clean=np.nan), side()
    metrics = compared(left, right)
    assert (metrics["elements"], metrics["incomparable"], verdict(metrics)) == (8, 0, Verdict.EQUAL)
    assert metrics["loss_difference"] == {"clean": None, "adversarial": 0.0, "total": 0.0}
    assert verdict(compared(left, changed(right, BIAS, 0, 1.0))) is Verdict.DIVERGED
    assert verdict(compared(left, changed(right, "adversarial_loss", (), 2.5))) is Verdict.DIVERGED


def test_neither_library_computes_it():
    left, right = side(clean=np.nan), side(clean=-np.nan)
    assert left["clean_loss"].tobytes() != right["clean_loss"].tobytes()
    assert verdict(compared(left, right)) is Verdict.EQUAL
    assert compared(left, right)["loss_difference"]["clean"] is None


def test_a_loss_that_became_nan_is_no_loss_left_out():
    # Its own total is NaN with it: it was computed.
    left, right = side(adversarial=np.nan, total=np.nan), side(total=np.nan)
    metrics = compared(left, right)
    assert (metrics["incomparable"], metrics["roundoff_to_pass"]) == (1, None)
    assert metrics["worst"] == {"name": "adversarial_loss", "index": [], "left": "nan", "right": 2.0}
    assert verdict(metrics, max_gradient_roundoff=1e300) is Verdict.DIVERGED


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_finite_on_one_side_only_passes_under_no_tolerance(value):
    left, right = side(), changed(side(), KERNEL, (1, 0), value)
    metrics = compared(left, right, uncertainty={KERNEL: np.array(10.0)})
    assert (metrics["incomparable"], metrics["max_absolute"], metrics["roundoff_to_pass"]) == (1, None, None)
    assert (metrics["worst"]["index"], metrics["worst"]["right"]) == ([1, 0], str(value))
    assert (metrics["cosine"], metrics["relative_distance"], metrics["scale"]) == (None, None, None)
    assert metrics["by_weight"]["00-kernel"] == {"max_absolute": None, "relative_distance": None, "cosine": None}
    assert metrics["by_weight"]["01-bias"]["relative_distance"] == 0.0
    assert verdict(metrics, max_gradient_roundoff=1e300) is Verdict.DIVERGED
    both = compared(right, right)
    assert (both["differing"], both["incomparable"]) == (0, 0)


def test_a_weight_on_one_side_only_passes_under_no_tolerance():
    left, right = side(), side(**{"before-00-kernel": [1.0, 2.0, 3.0]})
    metrics = compared(left, right)
    assert (metrics["elements"], metrics["differing"], metrics["incomparable"]) == (12, 3, 3)
    assert metrics["worst"] == {
        "name": "gradient/before-00-kernel",
        "index": [],
        "left": "absent",
        "right": "shape [3]",
    }
    assert set(metrics["by_weight"]) == {"00-kernel", "01-bias", "before-00-kernel"}
    assert verdict(metrics, max_gradient_roundoff=1e300) is Verdict.DIVERGED
    other_shape = compared(side(), side(**{"01-bias": [0.25, 0.125, 0.0]}))
    assert (other_shape["incomparable"], other_shape["worst"]["left"]) == (3, "shape [2]")
    assert verdict(compared(side(), side(empty=[]))) is Verdict.DIVERGED


def test_a_missing_loss_is_refused():
    with pytest.raises(KeyError):
        compared(side(), {KERNEL: side()[KERNEL]})


def test_the_factor_from_left_to_right_is_the_one_of_least_squares():
    left, right = side(**{"00-kernel": [3.0, 4.0], "01-bias": []}), side(**{"00-kernel": [4.0, 0.0], "01-bias": []})
    assert compared(left, right)["scale"] == pytest.approx(12 / 25)
    assert compared(right, left)["scale"] == pytest.approx(12 / 16)
    zero = side(**{"00-kernel": [0.0, 0.0], "01-bias": []})
    assert (compared(left, zero)["scale"], compared(zero, left)["scale"]) == (0.0, None)


def test_by_weight():
    left, right = side(), side(**{"00-kernel": [[-1.0, 2.0], [-0.5, 0.0]]})
    figures = compared(left, right)["by_weight"]
    assert figures["00-kernel"] == {"max_absolute": 4.0, "relative_distance": 2.0, "cosine": pytest.approx(-1)}
    assert figures["01-bias"]["max_absolute"] == 0.0


def test_distance_and_cosine_of_very_small_and_very_large_vectors():
    for size in (1e-300, 1.0, 1e300):
        a, b = np.array([3.0, 4.0]) * size, np.array([4.0, 3.0]) * size
        assert relative_distance(a, b) == pytest.approx(2**0.5 / 5)
        assert cosine(a, b) == pytest.approx(24 / 25)
    assert relative_distance(np.zeros(2), np.zeros(2)) == 0.0
    assert relative_distance(np.zeros(2), np.ones(2)) == 1.0
    assert cosine(np.zeros(2), np.ones(2)) is None


def floats():
    return st.one_of(st.floats(width=32), st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf")]))


@st.composite
def sides(draw, elements):
    return {
        **{name: np.array(draw(elements), np.float32) for name in ("clean_loss", "adversarial_loss", "total_loss")},
        KERNEL: draw(arrays.arrays(np.float32, (2, 2), elements=elements)),
        BIAS: draw(arrays.arrays(np.float32, (2,), elements=elements)),
    }


SMALL = st.integers(-(2**20), 2**20).map(lambda number: number / 2**16)


@given(sides(floats()), sides(floats()))
def test_figures_are_symmetric(left, right):
    one, other = compared(left, right), compared(right, left)
    other["worst"]["left"], other["worst"]["right"] = other["worst"]["right"], other["worst"]["left"]
    for name in one:
        if name != "scale":
            assert one[name] == pytest.approx(other[name]) if name == "cosine" else one[name] == other[name]


@given(sides(floats()), st.data())
def test_equal_is_bit_for_bit(left, data):
    right = {name: array.copy() for name, array in left.items()}
    assert verdict(compared(left, right)) is Verdict.EQUAL
    name = data.draw(st.sampled_from([KERNEL, BIAS, "total_loss"]))
    bits = right[name].reshape(-1).view(np.uint32)
    bits[data.draw(st.integers(0, bits.size - 1))] ^= np.uint32(1 << data.draw(st.integers(0, 31)))
    metrics = compared(left, right)
    # With another total, a NaN beside it may come to stand for a loss that is not computed; the total decides then.
    assert metrics["differing"] >= 1
    assert verdict(metrics) is not Verdict.EQUAL


@given(sides(SMALL), sides(SMALL), st.integers(-8, 8), st.integers(-8, 8))
def test_a_factor_on_a_side_and_its_inverse_in_the_scale_cancel(left, right, up, down):
    def times(arrays_of_side, factor):
        scaled = {"total_loss", KERNEL, BIAS}
        return {
            name: (array * factor).astype(np.float32) if name in scaled else array
            for name, array in arrays_of_side.items()
        }

    # Powers of two are exact, so nothing but the sign of a zero may change.
    plain = compared(left, right)
    moved = compared(times(left, 2.0**up), times(right, 2.0**down), left_scale=2.0**-up, right_scale=2.0**-down)
    assert moved == {**plain, "differing": moved["differing"], "differing_share": moved["differing_share"]}
    assert (verdict(moved) is Verdict.DIVERGED) == (verdict(plain) is Verdict.DIVERGED)


@given(sides(SMALL), sides(SMALL), st.floats(0, 100), st.floats(0, 100))
def test_what_passes_is_the_figure_and_an_allowance_only_lowers_it(left, right, smaller, more):
    bare = compared(left, right)
    for limit in (bare["roundoff_to_pass"], 2 * bare["roundoff_to_pass"]):
        assert verdict(bare, max_gradient_roundoff=limit) in (Verdict.EQUAL, Verdict.CLOSE)
    with_smaller, with_larger = (
        compared(left, right, uncertainty={name: np.array(allowance) for name in left})
        for allowance in (smaller, smaller + more)
    )
    assert with_larger["roundoff_to_pass"] <= with_smaller["roundoff_to_pass"] <= bare["roundoff_to_pass"]
    assert with_larger["max_roundoff"] == bare["max_roundoff"]
