"""Settings, models and data as short text."""

import pytest

from harness.report.settings import data_text, model_text, point_text, setting_names, setting_text, used


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "yes"),
        (8 / 255, "0.0313725490"),
        ([0.0, None], "[0, none]"),
        ({"target": 3}, "target 3"),
        ([[[1.0]] * 8] * 8, "8 x 8 x 1 numbers from 1 to 1"),
        ([[1.0], [1.0, 2.0]], "[[1], [1, 2]]"),
        ([], "[]"),
        ("\x1b[2J", r"\x1b[2J"),
        ("long " * 100, ("long " * 100)[:117] + "..."),
    ],
)
def test_a_setting(value, text):
    assert setting_text(value) == text.replace("0.0313725490", "0.031372549")


def test_what_a_subject_used_says_what_was_its_default(find):
    outcome = find("default-labels").outcome("cleverhans-v4")
    shown = used(outcome)
    assert list(shown)[:3] == ["epsilon", "norm", "labels"]
    assert (shown["epsilon"].text, shown["epsilon"].default) == ("0.1", False)
    assert (shown["labels"].text, shown["labels"].default) == ("predicted", True)
    assert used(find("refused").outcome("nsl")) == {}


def test_settings_of_all_subjects_are_named_once(find):
    names = setting_names(find("alike").outcomes)
    assert len(names) == len(set(names)) == 8


def test_model_data_and_point(find):
    case = find("alike").case
    assert model_text(case.model) == "dense 10; output logits; init scheme glorot_uniform, seed 0, scale 1"
    assert data_text(case.data) == "digits; split test; batch 6; seed 0"
    assert point_text(case.point) == "norm=linf"
    conv = {"kind": "conv", "filters": 8, "kernel": 3}
    assert model_text({"layers": [conv, {"kind": "relu"}]}) == "conv (filters 8, kernel 3), relu"
    assert model_text({"layers": [{"kind": "relu"}], "before": [conv]}) == "relu; before conv (filters 8, kernel 3)"
