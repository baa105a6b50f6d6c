"""Objectives in one notation, and in which settings two subjects differ."""

from dataclasses import replace

import pytest

from harness.report.differences import differences, differences_of, differences_text, setting_columns
from harness.report.objective import coefficient, objective_text, optimizer_text
from harness.report.settings import training_text, used
from harness.vocabulary import Outcome

OBJECTIVE = {"clean": 1.0, "adversarial": 0.2, "scale": 1.0, "rate": 0.1}


def outcome(subject="nsl", *, defaulted=(), **settings):
    base = {"objective": OBJECTIVE, "epsilon": 0.1, "norm": "linf", "labels": "given"}
    return Outcome(subject, "ok", settings={**base, **settings}, defaulted=defaulted)


@pytest.mark.parametrize(
    ("objective", "text"),
    [
        (OBJECTIVE, "1.000 * clean + 0.200 * adversarial, rate 0.100"),
        (
            {"clean": 1 / 1.2, "adversarial": 0.2 / 1.2, "scale": 1.2, "rate": 0.12},
            "0.833 * clean + 0.167 * adversarial, rate 0.120",
        ),
        ({"clean": 0.5, "adversarial": 0.5, "scale": 1.0}, "0.500 * clean + 0.500 * adversarial"),
        ({"clean": 0.5, "adversarial": 0.5, "scale": 2.0}, "0.500 * clean + 0.500 * adversarial, times 2.000"),
        (
            {"clean": 0.0, "adversarial": 1.0, "scale": 1.0, "rate": 1e-4},
            "0.000 * clean + 1.000 * adversarial, rate 0.0001",
        ),
    ],
)
def test_the_notation(objective, text):
    assert objective_text(objective) == text


@pytest.mark.parametrize("value", [0.0004, 0.0015, 1 / 3, 0.0833333, 1.0, 12.345, 5e8, 1e-12])
def test_no_coefficient_is_shown_far_off(value):
    assert float(coefficient(value)) == pytest.approx(value, rel=3e-3)


def test_what_an_optimizer_does_not_use_is_not_said():
    off = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0, "clip_norm": None}
    assert optimizer_text({"kind": "sgd", "rate": 0.1, **off}) == "sgd, rate 0.1"
    on = {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01, "clip_norm": 1.0}
    shown = optimizer_text({"kind": "sgd", "rate": 0.1, **on})
    assert shown == "sgd, rate 0.1, momentum 0.9, nesterov, weight_decay 0.01, clip_norm 1"
    assert training_text({"steps": 3, "optimizer": {"kind": "adam", "rate": 0.1, **off}}) == (
        "steps 3; optimizer adam, rate 0.1"
    )


def test_a_default_weighting_marks_the_objective():
    assert used(outcome(defaulted=("weighting",)))["objective"].default
    assert not used(outcome(defaulted=("labels",)))["objective"].default
    assert next(iter(used(outcome()))) == "objective"


def test_every_setting_that_differs_is_named_with_both_values_and_which_was_a_default():
    left = outcome(epsilon=0.001, norm="l2", defaulted=("epsilon", "norm", "labels", "weighting"))
    half = {"clean": 0.5, "adversarial": 0.5, "scale": 1.0, "rate": 0.1}
    right = outcome("cleverhans-v3", objective=half, epsilon=0.3, labels="predicted", defaulted=("epsilon", "labels"))
    assert differences_text(left, right) == (
        "nsl and cleverhans-v3 differ in: "
        "weighting 1.000 * clean + 0.200 * adversarial (default) against 0.500 * clean + 0.500 * adversarial, "
        "epsilon 0.001 (default) against 0.3 (default), norm l2 (default) against linf, "
        "labels given (default) against predicted (default)"
    )


def test_one_law_in_two_notations_is_recognised():
    folded = {"clean": 1 / 1.2, "adversarial": 0.2 / 1.2, "scale": 1.2, "rate": 0.12}
    text = differences_text(outcome(), outcome("cleverhans-v3", objective=folded))
    assert text.endswith("rate 0.100 against 0.120; weighting times rate is the same")
    other = differences_text(outcome(), outcome("cleverhans-v3", objective={**folded, "rate": 0.1}))
    assert "is the same" not in other


def test_what_only_one_side_has_differs_too():
    (found,) = differences(outcome(composed="as its tutorial does"), outcome("nsl"))
    assert found.in_words() == "composed as its tutorial does against no"


def test_a_default_that_is_what_was_asked_is_no_difference():
    assert differences(outcome(defaulted=("norm",)), outcome("cleverhans-v4")) == []


def test_only_libraries_that_came_to_something_are_set_apart(case_of):
    (text,) = differences_of(case_of("apart")).values()
    assert "labels given (default) against predicted (default)" in text
    assert "mode training (default) against inference (default)" in text
    record = case_of("step")
    assert list(differences_of(record)) == [("nsl", "cleverhans-v4")]
    failed = replace(record, outcomes=tuple(replace(one, status="error") for one in record.outcomes))
    assert differences_of(failed) == {}


def test_what_is_the_same_for_all_needs_no_column():
    outcomes = [outcome(defaulted=("norm",)), outcome("cleverhans-v4", epsilon=0.2)]
    columns, alike = setting_columns(outcomes, ("objective",))
    assert columns == ["objective", "epsilon"]
    assert alike == {"norm": "linf (default of nsl)", "labels": "given"}
