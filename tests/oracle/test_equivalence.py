"""The paired test of equivalence, against values worked out by hand and against SciPy's one-sided t-tests."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from harness.oracle.equivalence import MAX_SEEDS, equivalence, equivalences

T_OF_3 = 2.353363434801823
"""95 % quantile of Student's t with three degrees of freedom, as tables have it (2.353)."""


def test_worked_out_by_hand():
    # Differences 1, 3, 1, 3 points: mean 2, standard deviation 2 / sqrt(3), standard error 1 / sqrt(3).
    result = equivalence([0.5, 0.5, 0.5, 0.5], [0.51, 0.53, 0.51, 0.53], margin=5.0)
    half = T_OF_3 / math.sqrt(3)
    assert result["difference"] == pytest.approx(2.0)
    assert result["interval"] == pytest.approx([2 - half, 2 + half])
    assert (result["answer"], result["seeds"], result["margin"]) == ("equivalent", 4, 5.0)
    assert result["seeds_to_decide"] is None


@pytest.mark.parametrize(
    ("margin", "answer"),
    [(3.36, "equivalent"), (3.35, "undecided"), (0.65, "undecided"), (0.64, "different"), (0.0, "different")],
)
def test_the_interval_decides(margin, answer):
    # The same differences: the interval is 2 - 1.359 to 2 + 1.359.
    assert equivalence([0.5] * 4, [0.51, 0.53, 0.51, 0.53], margin=margin)["answer"] == answer
    assert equivalence([0.51, 0.53, 0.51, 0.53], [0.5] * 4, margin=margin)["answer"] == answer


def test_no_significant_difference_is_not_equivalence():
    left, right = [0.80, 0.90, 0.85], [0.90, 0.80, 0.86]
    assert stats.ttest_rel(left, right).pvalue > 0.9
    assert equivalence(left, right, margin=1.0)["answer"] == "undecided"


@pytest.mark.parametrize(
    ("right", "margin", "answer"),
    [
        (0.90, 1.0, "equivalent"),
        (0.90, 0.0, "undecided"),
        (0.93, 1.0, "different"),
        (0.91, 1.0, "undecided"),
        (0.893, 0.7, "undecided"),
    ],
)
def test_differences_that_do_not_vary(right, margin, answer):
    # 100 * (0.91 - 0.9) is 1.0000000000000009: round-off must not tell a difference from its margin.
    result = equivalence([0.9] * 7, [right] * 7, margin=margin)
    assert result["answer"] == answer
    assert result["interval"] == [result["difference"]] * 2
    assert result["seeds_to_decide"] is None


def test_a_difference_as_large_as_the_margin_is_never_decided():
    result = equivalence([0.5, 0.5], [0.5, 0.52], margin=1.0)
    assert (result["difference"], result["answer"], result["seeds_to_decide"]) == (1.0, "undecided", None)


def test_more_seeds_than_anybody_trains_is_never():
    result = equivalence([0.4, 0.6], [0.601, 0.401], margin=0.101)
    assert result["difference"] == pytest.approx(0.1)
    assert result["seeds_to_decide"] is None


def test_the_number_of_seeds_that_would_decide():
    left, right = [0.5] * 4, [0.50, 0.53, 0.51, 0.48]
    result = equivalence(left, right, margin=2.0)
    assert result["answer"] == "undecided"
    mean, deviation = np.mean([0, 3, 1, -2]), np.std([0, 3, 1, -2], ddof=1)

    def upper(seeds):
        return mean + stats.t.ppf(0.95, seeds - 1) * deviation / np.sqrt(seeds)

    number = result["seeds_to_decide"]
    assert 4 < number < MAX_SEEDS
    assert upper(number) < 2.0 <= upper(number - 1)


@pytest.mark.parametrize(
    ("left", "right", "margin"),
    [
        ([0.5], [0.5], 1),
        ([0.5, 0.5], [0.5], 1),
        ([0.5, 50], [0.5, 50], 1),
        ([0.5, np.nan], [0.5, 0.5], 1),
        ([0.5] * 2, [0.5] * 2, -1),
    ],
)
def test_what_cannot_be_tested_is_refused(left, right, margin):
    with pytest.raises(ValueError, match="expected"):
        equivalence(left, right, margin=margin)


accuracies = st.integers(0, 360).map(lambda right: right / 360)
pairs = st.lists(st.tuples(accuracies, accuracies), min_size=2, max_size=12)
margins = st.floats(0.01, 50)


@given(pairs, margins)
def test_it_is_the_two_one_sided_tests_of_scipy(pairs, margin):
    left, right = np.array(pairs).T
    differences = 100 * (right - left)
    assume(differences.std() > 1e-6)
    above = stats.ttest_rel(100 * right, 100 * left - margin, alternative="greater").pvalue
    below = stats.ttest_rel(100 * right, 100 * left + margin, alternative="less").pvalue
    beyond = min(
        stats.ttest_rel(100 * right, 100 * left + margin, alternative="greater").pvalue,
        stats.ttest_rel(100 * right, 100 * left - margin, alternative="less").pvalue,
    )
    # p-values next to the level depend on the last bits.
    assume(all(abs(p - 0.05) > 1e-9 for p in (above, below, beyond)))
    answer = "equivalent" if max(above, below) < 0.05 else "different" if beyond < 0.05 else "undecided"
    result = equivalence(left, right, margin=margin)
    assert result["answer"] == answer
    interval = stats.ttest_1samp(differences, 0).confidence_interval(0.9)
    assert result["interval"] == pytest.approx([interval.low, interval.high], abs=1e-7)


@given(pairs, margins)
def test_it_is_symmetric(pairs, margin):
    left, right = zip(*pairs, strict=True)
    one, other = equivalence(left, right, margin=margin), equivalence(right, left, margin=margin)
    assert (one["answer"], one["seeds_to_decide"]) == (other["answer"], other["seeds_to_decide"])
    assert one["difference"] == -other["difference"]


@given(pairs, margins)
def test_seeds_are_missing_only_where_it_is_undecided(pairs, margin):
    left, right = zip(*pairs, strict=True)
    result = equivalence(left, right, margin=margin)
    if result["answer"] != "undecided":
        assert result["seeds_to_decide"] is None
    elif result["seeds_to_decide"] is not None:
        assert len(pairs) < result["seeds_to_decide"] <= MAX_SEEDS


def test_every_accuracy_is_tested():
    left = {"clean_accuracy": [0.9, 0.91], "adversarial_accuracy": {"0.1": [0.5, 0.6], "0.2": [0.1, 0.2]}}
    right = {"clean_accuracy": [0.9, 0.91], "adversarial_accuracy": {"0.1": [0.7, 0.8], "0.2": [0.4, 0.2]}}
    answers = equivalences(left, right, margin=1.0)
    assert answers is not None
    assert {name: one["answer"] for name, one in answers.items()} == {
        "clean": "equivalent",
        "0.1": "different",
        "0.2": "undecided",
    }
    assert answers["0.1"]["difference"] == 20.0


def test_nothing_follows_from_one_seed():
    one = {"clean_accuracy": [0.9], "adversarial_accuracy": {"0.1": [0.5]}}
    assert equivalences(one, one, margin=1.0) is None
    two = {"clean_accuracy": [0.9, 0.8], "adversarial_accuracy": {}}
    with pytest.raises(ValueError, match="2 and 1"):
        equivalences(two, one, margin=1.0)


def test_importing_the_module_does_not_import_scipy():
    code = "import sys, harness.oracle.equivalence, harness.oracle.verdicts; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
