"""Verdicts are pure functions of saved figures and a tolerance."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.oracle import gradients
from harness.oracle.metrics import compare
from harness.oracle.verdicts import Tolerance, judge, judge_statuses, sentence
from harness.vocabulary import Verdict


def figures(units):
    x = {"x": np.zeros((4, 8), np.float32)}
    left = {"x": np.full((4, 8), 0.5, np.float32)}
    right = {"x": left["x"].copy()}
    right["x"][2, 3] += units * np.spacing(np.float32(0.5))
    return compare(x, left, right, epsilon=0.5, yardstick=None)


@pytest.mark.parametrize(
    ("units", "limit", "verdict"),
    [
        (0, 4, Verdict.EQUAL),
        (4, 4, Verdict.CLOSE),
        (5, 4, Verdict.DIVERGED),
        (5, 5, Verdict.CLOSE),
        (1, 0, Verdict.DIVERGED),
    ],
)
def test_verdict_is_a_function_of_saved_figures(units, limit, verdict):
    saved = json.loads(json.dumps(figures(units), allow_nan=False))
    assert judge(saved, Tolerance(max_roundoff=limit)) is verdict


@pytest.mark.parametrize(
    ("left", "right", "verdict"),
    [
        ("ok", "ok", None),
        ("ok", "unsupported", Verdict.UNSUPPORTED),
        ("unsupported", "unsupported", Verdict.UNSUPPORTED),
        ("ok", "error", Verdict.ERROR),
        ("timeout", "ok", Verdict.ERROR),
        ("crash", "unsupported", Verdict.ERROR),
    ],
)
def test_what_could_not_be_computed_is_never_a_pass(left, right, verdict):
    assert judge_statuses(left, right) is verdict


def test_the_sentence_says_how_many_the_worst_where_and_what_would_pass():
    metrics = figures(9)
    words = sentence(judge(metrics, Tolerance()), metrics, Tolerance())
    for part in (
        "1 of 32 elements differ",
        "x[2, 3]",
        "0.5 against 0.500000536",
        "9 units of round-off where 4 are allowed",
    ):
        assert part in words
    assert words.endswith("max_roundoff 9 would pass")
    assert judge(metrics, Tolerance(9)) is Verdict.CLOSE


def test_the_tolerance_that_is_proposed_does_pass():
    x = {"x": np.zeros((1, 1), np.float32)}
    left, right = {"x": np.array([[0.1]], np.float32)}, {"x": np.array([[0.3]], np.float32)}
    metrics = compare(x, left, right, epsilon=0.3, yardstick=None)
    words = sentence(Verdict.DIVERGED, metrics, Tolerance())
    proposed = float(words.split("max_roundoff ")[1].split(" ")[0])
    assert judge(metrics, Tolerance(proposed)) is Verdict.CLOSE


LOSSES = {"clean_loss": 1.0, "adversarial_loss": 2.0, "total_loss": 1.5}


def step_figures(units, *, total: Any = 1.5, **more: Any):
    left = {name: np.array(loss, np.float32) for name, loss in LOSSES.items()}
    left["gradient/00-kernel"] = np.array([[1.0, 0.5], [0.25, 0.0]], np.float32)
    right = {name: array.copy() for name, array in left.items()}
    right["gradient/00-kernel"][1, 0] += units * np.spacing(np.float32(1))
    right.update(more, total_loss=np.array(total, np.float32))
    return gradients.compare(left, right, left_scale=1.0, right_scale=1.0, uncertainty=None)


def said(kind, metrics, tolerance=None):
    saved, limits = json.loads(json.dumps(metrics, allow_nan=False)), tolerance or Tolerance(max_times_twin=10)
    return sentence(judge(saved, limits, kind=kind), saved, limits, kind=kind)


def test_the_sentence_of_one_step():
    assert said("loss", step_figures(0)) == "all 7 elements of losses and gradients equal bit for bit"
    assert said("loss", step_figures(1)) == (
        "1 of 7 elements of losses and gradients differ (14.3 %); the worst is at gradient/00-kernel[1, 0]: 0.25 "
        "against 0.250000119, 1 units of round-off where 16 are allowed; the gradients are 1.0e-7 of their length "
        "apart, cosine 1"
    )
    words = said("loss", step_figures(19))
    assert words.endswith("; max_gradient_roundoff 19 would pass")
    assert "19 units of round-off where 16 are allowed" in words
    words = said("loss", step_figures(19), Tolerance(max_gradient_roundoff=19))
    assert "19 units of round-off where 19 are allowed" in words
    assert "would pass" not in words


def test_the_sentence_of_one_step_names_a_loss():
    words = said("loss", step_figures(0, total=1.25))
    assert "the worst is at total_loss: 1.5 against 1.25, 2097152 units" in words
    assert "gradients are" not in words


def test_the_sentence_of_a_step_that_no_tolerance_would_pass():
    more = {"gradient/before-00-kernel": np.ones(3, np.float32)}
    assert said("loss", step_figures(0, **more)) == (
        "3 of 10 elements of losses and gradients differ (30.0 %); 3 exist or are finite on one side only, the first "
        "at gradient/before-00-kernel: absent against shape [3]; no tolerance would pass"
    )


TRAJECTORY = {
    "elements": 2410,
    "differing": 2410,
    "first_difference": 1,
    "steps": [0, 1, 140, 200],
    "distance": [0.0, 1e-8, 3.2e-4, 4e-4],
    "twin": [1e-8, 1e-8, 7.8e-6, 1e-4],
    "final_distance": 4e-4,
    "max_distance": 4e-4,
    "times_twin": 41.03,
    "times_twin_step": 140,
    "left_nonfinite": None,
    "right_nonfinite": None,
    "seeds": 1,
    "differing_seeds": 1,
    "incomparable_seeds": 0,
    "agreement": None,
    "equivalence": None,
}


def test_the_sentence_of_a_training():
    assert said("training", TRAJECTORY) == (
        "2,410 of 2,410 weights differ after 200 steps; farthest at step 140: 3.2e-4 of their length, 41 times the "
        "noise twin where 10 are allowed; max_times_twin 42 would pass"
    )
    assert said("training", TRAJECTORY, Tolerance(max_times_twin=42)).endswith(
        "41 times the noise twin where 42 are allowed"
    )


def test_the_sentence_of_equal_trainings():
    equal = {**TRAJECTORY, "differing": 0, "first_difference": None, "differing_seeds": 0}
    assert said("training", equal) == "all 2,410 weights equal bit for bit at 4 recorded steps up to 200"
    assert said("training", {**equal, "seeds": 3}).endswith("up to 200, and at the end of all 3 seeds")
    assert said("training", {**equal, "left_nonfinite": 7, "right_nonfinite": 7}).endswith(
        "; both sides become non-finite at step 7"
    )


def test_equal_at_the_end_is_not_equal():
    met_again = {**TRAJECTORY, "differing": 0, "times_twin": 2.0, "differing_seeds": 0}
    assert said("training", met_again).startswith(
        "0 of 2,410 weights differ after 200 steps (first difference at step 1); farthest at step 140: "
    )
    others = {**met_again, "first_difference": None, "differing_seeds": 2, "seeds": 5}
    assert said("training", others).startswith(
        "0 of 2,410 weights differ after 200 steps (but those of 2 of 5 seeds do); "
    )


def test_the_sentence_names_the_step_of_a_trajectory_that_becomes_nonfinite():
    nonfinite = {**TRAJECTORY, "right_nonfinite": 12, "times_twin": None, "times_twin_step": None}
    assert said("training", nonfinite) == (
        "2,410 of 2,410 weights differ after 200 steps; the left side stays finite, the right side becomes non-finite "
        "at step 12; not comparable with the noise twin, at most 4.0e-4 of their length apart where both are finite; "
        "no tolerance would pass"
    )
    assert "the left side becomes non-finite at step 1,200, the right" in said(
        "training", {**nonfinite, "left_nonfinite": 1200}
    )
    seeds = {**TRAJECTORY, "times_twin": 2.0, "incomparable_seeds": 1, "seeds": 3}
    assert said("training", seeds).endswith(
        "; 1 of 3 seeds are finite at the end on one side only; no tolerance would pass"
    )


def test_the_sentence_of_several_seeds():
    tested = {
        "clean": {"difference": 0.12, "interval": [-0.2, 0.44], "answer": "equivalent", "seeds_to_decide": None},
        "0.1": {"difference": -5.0, "interval": [-6.25, -3.75], "answer": "different", "seeds_to_decide": None},
        "0.2": {"difference": 0.7, "interval": [-0.001, 1.401], "answer": "undecided", "seeds_to_decide": 24},
        "0.3": {"difference": 1.0, "interval": [0.5, 1.5], "answer": "undecided", "seeds_to_decide": None},
    }
    tested = {name: {**one, "seeds": 10, "margin": 1.0} for name, one in tested.items()}
    assert said("training", {**TRAJECTORY, "equivalence": tested}).endswith(
        "would pass; over 10 seeds clean accuracy is equivalent within 1 point (difference 0.12, 90 % interval -0.20 "
        "to 0.44), accuracy at 0.1 is different by more than 1 point (difference -5.00, 90 % interval -6.25 to -3.75), "
        "accuracy at 0.2 is undecided at 1 point (difference 0.70, 90 % interval 0.00 to 1.40; 24 seeds would decide "
        "it), accuracy at 0.3 is undecided at 1 point (difference 1.00, 90 % interval 0.50 to 1.50; no number of seeds "
        "would decide it)"
    )


@pytest.mark.parametrize(
    ("times", "limit", "words"),
    [
        (10.3, 10, "10.3 times the noise twin where 10 are"),
        (9.96, 10, "9.96 times the noise twin where 10 are"),
        (10.2, 10.1, "10.2 times the noise twin where 10.1 are"),
        (12345.2, 12345, "12345.2 times the noise twin where 12345 are"),
        (12345.2, 10, "12,345 times the noise twin where 10 are"),
        (10.0, 10, "10 times the noise twin where 10 are"),
        (0.034, 10, "0.034 times the noise twin where 10 are"),
    ],
)
def test_a_ratio_and_its_limit_never_look_alike(times, limit, words):
    assert words in said("training", {**TRAJECTORY, "times_twin": times}, Tolerance(max_times_twin=limit))


def test_an_interval_and_its_margin_never_look_alike():
    one = {"difference": 0.2, "interval": [-0.6, 0.9999], "answer": "equivalent", "seeds_to_decide": None}
    tested = {"clean": {**one, "seeds": 10, "margin": 1.0}}
    assert "90 % interval -0.60 to 0.9999)" in said("training", {**TRAJECTORY, "equivalence": tested})
    assert "within 0.5 points" in said(
        "training", {**TRAJECTORY, "equivalence": {"clean": {**tested["clean"], "margin": 0.5}}}
    )


@given(st.floats(1e-3, 1e12), st.floats(1e-3, 1e12))
def test_the_multiple_of_the_twin_that_is_proposed_does_pass(times, limit):
    metrics = {**TRAJECTORY, "times_twin": times}
    words = said("training", metrics, Tolerance(max_times_twin=limit))
    if times <= limit:
        assert "would pass" not in words
    else:
        proposed = float(words.split("max_times_twin ")[1].split(" ")[0])
        assert judge(metrics, Tolerance(max_times_twin=proposed), kind="training") is Verdict.CLOSE


def test_a_kind_that_does_not_exist_has_no_verdict():
    with pytest.raises(KeyError):
        judge(figures(1), Tolerance(), kind="other")  # pyright: ignore[reportArgumentType]
