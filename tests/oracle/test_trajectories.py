"""Two trainings side by side, on trajectories small enough to check by hand."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.oracle.trajectories import compare
from harness.oracle.verdicts import Tolerance, judge
from harness.vocabulary import Verdict

STEPS = [0, 2, 4]
ROWS = [[3.0, 4.0], [3.0, 4.0], [0.0, 5.0]]  # each of length 5
TWIN = [1e-6, 4e-6, 2e-6]


def side(rows=ROWS, *, steps=STEPS, twin=TWIN, losses=(1.0, 1.0, 1.0, 1.0), others=(), dtype: Any = np.float32):
    trajectory = np.array(rows, dtype)
    return {
        "total_loss": np.array([losses, *([1.0] * len(losses) for _ in others)]),
        "steps": np.array(steps, np.int32),
        "trajectory": trajectory,
        "twin_distance": np.array(twin, np.float64),
        "final_weights": np.array([trajectory[-1], *others], dtype),
    }


def compared(left, right, left_predictions=None, right_predictions=None):
    metrics = compare(left, right, left_predictions=left_predictions, right_predictions=right_predictions)
    return json.loads(json.dumps(metrics, allow_nan=False))


def verdict(metrics, **tolerance):
    return judge(metrics, Tolerance(**tolerance), kind="training")


def test_the_same_bits():
    metrics = compared(side(), side())
    assert (metrics["elements"], metrics["differing"], metrics["first_difference"]) == (2, 0, None)
    assert (metrics["steps"], metrics["distance"]) == (STEPS, [0.0, 0.0, 0.0])
    assert (metrics["times_twin"], metrics["final_distance"], metrics["max_distance"]) == (0.0, 0.0, 0.0)
    assert (metrics["agreement"], metrics["equivalence"]) == (None, None)
    assert verdict(metrics) is Verdict.EQUAL


def test_distance_is_relative_to_the_length_of_the_longer():
    metrics = compared(side(), side([[3.0, 4.0], [3.0, 4.0], [0.0, 10.0]]))
    assert metrics["distance"] == [0.0, 0.0, 0.5]
    assert (metrics["differing"], metrics["first_difference"]) == (1, 4)
    assert (metrics["final_distance"], metrics["max_distance"]) == (0.5, 0.5)


def test_the_twin_is_the_largest_of_both_so_far():
    metrics = compared(side(twin=[1e-6, 4e-6, 2e-6]), side(twin=[2e-6, 3e-6, 1e-6]))
    assert metrics["twin"] == [2e-6, 4e-6, 4e-6]


def test_the_largest_ratio_decides_and_not_the_largest_distance():
    # 0.05 / 5 at step 2 beside a twin of 1e-3; 0.1 / 5 at step 4 beside one of 1e-1.
    rows = [[3.0, 4.0], [3.03, 4.04], [0.1, 5.0]]
    metrics = compared(side(dtype=np.float64, twin=[1e-7, 1e-3, 1e-1]), side(rows, dtype=np.float64, twin=[0, 0, 0]))
    assert metrics["times_twin"] == pytest.approx(0.05 / 5.05 / 1e-3)
    assert (metrics["times_twin_step"], metrics["first_difference"]) == (2, 2)
    assert metrics["max_distance"] == metrics["final_distance"] == pytest.approx(0.1 / np.hypot(0.1, 5))
    assert verdict(metrics) is Verdict.CLOSE
    assert verdict(metrics, max_times_twin=9.5) is Verdict.DIVERGED


def test_weights_that_meet_again_are_not_equal():
    metrics = compared(side(), side([[3.0, 4.0], [3.0, 4.5], [0.0, 5.0]]))
    assert (metrics["differing"], metrics["first_difference"]) == (0, 2)
    assert verdict(metrics, max_times_twin=1e9) is Verdict.CLOSE


def test_minus_zero_differs_in_bits_but_not_across_precisions():
    rows = [*ROWS[:2], [-0.0, 5.0]]
    assert compared(side(), side(rows))["differing"] == 1
    assert verdict(compared(side(), side(rows))) is Verdict.CLOSE
    assert compared(side(), side(rows, dtype=np.float64))["differing"] == 0


def test_a_twin_that_does_not_move_excuses_nothing():
    for twin in ([0.0] * 3, [np.nan] * 3, [5e-324] * 3):
        metrics = compared(side(twin=twin), side([*ROWS[:2], [0.0, 5.5]], twin=twin))
        assert (metrics["times_twin"], metrics["times_twin_step"]) == (None, None)
        assert verdict(metrics, max_times_twin=1e300) is Verdict.DIVERGED
    assert compared(side(twin=[np.nan] * 3), side(twin=[np.nan] * 3))["twin"] == [None] * 3


def test_a_twin_that_becomes_infinite_excuses_no_more_than_before():
    metrics = compared(side(twin=[1e-6, np.inf, np.nan]), side())
    assert metrics["twin"] == [1e-6, 4e-6, 4e-6]


NAN = [np.nan, np.nan]


def test_what_is_before_both_become_nonfinite_is_compared():
    rows, losses = [[3.0, 4.0], [3.0, 4.0], NAN], (1.0, 1.0, np.nan, np.nan)
    other = [[3.0, 4.0], [3.0, np.nextafter(np.float32(4), np.float32(5))], NAN]
    metrics = compared(side(rows, losses=losses), side(other, losses=(1.0, 1.0, 1.0, np.inf)))
    assert (metrics["left_nonfinite"], metrics["right_nonfinite"]) == (3, 4)
    assert metrics["distance"] == [0.0, pytest.approx(2.0**-21 / 5), None]
    assert metrics["times_twin"] == pytest.approx(2.0**-21 / 5 / 4e-6)
    assert (metrics["times_twin_step"], metrics["final_distance"]) == (2, None)
    assert verdict(metrics) is Verdict.CLOSE


@pytest.mark.parametrize(
    ("rows", "losses", "step"),
    [
        ([[3.0, 4.0], [3.0, 4.0], NAN], (1.0, 1.0, 1.0, 1.0), 4),
        ([[3.0, 4.0], NAN, NAN], (1.0, 1.0, np.nan, np.nan), 3),
        ([[3.0, 4.0], NAN, NAN], (1.0, 1.0, 1.0, 1.0), 2),
        (ROWS, (1.0, 1.0, np.inf, 1.0), 3),
    ],
)
def test_one_side_that_becomes_nonfinite_passes_under_no_tolerance(rows, losses, step):
    metrics = compared(side(), side(rows, losses=losses))
    assert (metrics["left_nonfinite"], metrics["right_nonfinite"], metrics["times_twin"]) == (None, step, None)
    assert verdict(metrics, max_times_twin=1e300) is not Verdict.CLOSE


def test_sides_that_become_nonfinite_at_different_recorded_steps_are_not_comparable():
    left = side([[3.0, 4.0], NAN, NAN], losses=(1.0, np.nan, np.nan, np.nan))
    right = side([[3.0, 4.0], [3.0, 4.0], NAN], losses=(1.0, 1.0, 1.0, np.nan))
    metrics = compared(left, right)
    assert (metrics["left_nonfinite"], metrics["right_nonfinite"], metrics["times_twin"]) == (2, 4, None)
    assert verdict(metrics, max_times_twin=1e300) is Verdict.DIVERGED


def test_weights_alone_may_show_that_one_side_became_nonfinite_earlier():
    # The gradient of a finite loss need not be finite.
    steps, twin, losses = [0, 1, 2, 4], [1e-6] * 4, (1.0, 1.0, np.nan, np.nan)
    left = side([ROWS[0], ROWS[0], NAN, NAN], steps=steps, twin=twin, losses=losses)
    right = side([ROWS[0], ROWS[0], ROWS[0], NAN], steps=steps, twin=twin, losses=losses)
    metrics = compared(left, right)
    assert (metrics["left_nonfinite"], metrics["right_nonfinite"], metrics["times_twin"]) == (3, 3, None)


def test_initial_weights_alone_prove_nothing():
    # They are the same by construction. The last weights have no distance.
    left = side([[3.0, 4.0], NAN], steps=[0, 2], twin=[1e-6, 1e-6])
    right = side([[3.0, 4.0], [5.0, np.nan]], steps=[0, 2], twin=[1e-6, 1e-6])
    metrics = compared(left, right)
    assert (metrics["times_twin"], verdict(metrics, max_times_twin=1e300)) == (None, Verdict.DIVERGED)
    assert verdict(compared(left, left)) is Verdict.EQUAL


def test_which_nan_it_is_says_nothing():
    """Its sign and payload are the processor's: an operation makes another one than a constant."""
    left = side([[3.0, 4.0], NAN], steps=[0, 2], twin=[1e-6, 1e-6])
    right = side([[3.0, 4.0], [-np.nan, np.nan]], steps=[0, 2], twin=[1e-6, 1e-6])
    assert verdict(compared(left, right)) is Verdict.EQUAL


def test_a_side_that_stopped_earlier_is_not_comparable():
    short = side(ROWS[:2], steps=[0, 2], twin=TWIN[:2])
    metrics = compared(side(), short)
    assert (metrics["steps"], metrics["first_difference"], metrics["times_twin"]) == ([0, 2], 4, None)
    assert verdict(metrics) is Verdict.DIVERGED
    assert verdict(compared(short, short)) is Verdict.EQUAL


def test_other_seeds_count_for_equal():
    left, right = side(others=[[1.0, 1.0], [2.0, 2.0]]), side(others=[[1.0, 1.0], [2.0, 2.5]])
    metrics = compared(left, right)
    assert (metrics["seeds"], metrics["differing_seeds"], metrics["incomparable_seeds"]) == (3, 1, 0)
    assert (metrics["differing"], verdict(metrics)) == (0, Verdict.CLOSE)


def test_another_seed_that_is_finite_on_one_side_only_passes_under_no_tolerance():
    metrics = compared(side(others=[[1.0, 1.0]]), side(others=[[1.0, np.inf]]))
    assert (metrics["times_twin"], metrics["incomparable_seeds"]) == (0.0, 1)
    assert verdict(metrics, max_times_twin=1e300) is Verdict.DIVERGED


def test_agreement_is_over_all_seeds():
    left, right = np.array([[0, 1], [2, 3]], np.int32), np.array([[0, 1], [2, 0]], np.int32)
    assert compared(side(), side(), left, right)["agreement"] == 0.75
    assert compared(side(), side(), left, None)["agreement"] is None
    assert compared(side(), side(), left[:, :0], right[:, :0])["agreement"] is None


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="as many weights on both sides, got 2 and 3"):
        compared(side(), side([[1.0] * 3] * 3))
    with pytest.raises(ValueError, match="as many seeds on both sides, got 1 and 2"):
        compared(side(), side(others=[[1.0, 1.0]]))
    with pytest.raises(ValueError, match="predictions of the same seeds and examples"):
        compared(side(), side(), np.zeros((1, 2), np.int32), np.zeros((1, 3), np.int32))


ELEMENTS = st.one_of(st.floats(width=32), st.sampled_from([0.0, -0.0, float("nan"), float("inf")]))
SIDES = st.builds(
    side,
    arrays.arrays(np.float32, (3, 2), elements=ELEMENTS),
    twin=arrays.arrays(np.float64, 3, elements=st.floats(min_value=0)),
    losses=st.lists(st.sampled_from([1.0, float("nan")]), min_size=4, max_size=4),
)


@given(SIDES, SIDES)
def test_figures_are_symmetric(left, right):
    one, other = compared(left, right), compared(right, left)
    other["left_nonfinite"], other["right_nonfinite"] = other["right_nonfinite"], other["left_nonfinite"]
    assert one == other


@given(SIDES, SIDES, st.data())
def test_equal_is_bit_for_bit(left, other, data):
    right = {**other, "trajectory": left["trajectory"].copy(), "final_weights": left["final_weights"].copy()}
    assert verdict(compared(left, right)) is Verdict.EQUAL
    name = data.draw(st.sampled_from(["trajectory", "final_weights"]))
    bits = right[name].reshape(-1).view(np.uint32)
    bits[data.draw(st.integers(0, bits.size - 1))] ^= np.uint32(1 << data.draw(st.integers(0, 31)))
    here = left[name].reshape(-1).view(np.uint32) != bits
    assume(not np.isnan([left[name].reshape(-1)[here], right[name].reshape(-1)[here]]).all())
    assert verdict(compared(left, right), max_times_twin=1e300) is not Verdict.EQUAL


@given(SIDES, SIDES)
def test_what_passes_is_the_figure(left, right):
    metrics = compared(left, right)
    needed = metrics["times_twin"]
    if needed is None:
        assert verdict(metrics, max_times_twin=1e300) in (Verdict.EQUAL, Verdict.DIVERGED)
    elif metrics["incomparable_seeds"] == 0:
        assert verdict(metrics, max_times_twin=needed) in (Verdict.EQUAL, Verdict.CLOSE)


@given(SIDES, SIDES, st.integers(-20, 20))
def test_distance_does_not_depend_on_the_size_of_the_weights(left, right, power):
    def enlarged(one):
        return {**one, "trajectory": one["trajectory"].astype(np.float64) * 2.0**power}

    assert compared(enlarged(left), enlarged(right))["distance"] == compared(left, right)["distance"]
