"""Verdicts are pure functions of saved figures and a tolerance."""

import json

import numpy as np
import pytest

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
    left, right = {"x": np.float32([[0.1]])}, {"x": np.float32([[0.3]])}
    metrics = compare(x, left, right, epsilon=0.3, yardstick=None)
    words = sentence(Verdict.DIVERGED, metrics, Tolerance())
    proposed = float(words.split("max_roundoff ")[1].split(" ")[0])
    assert judge(metrics, Tolerance(proposed)) is Verdict.CLOSE
