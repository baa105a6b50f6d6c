"""When an accepted page of differences still holds of another run, and how its table gets into another text."""

from __future__ import annotations

import pytest

from harness.report.differences_held import BEGIN, END, between_marks, changes, with_table
from harness.vocabulary import HarnessError

HEAD = "| what differs | nature | measured | case |\n| --- | --- | --- | --- |\n"
LABELS = (
    "| Whose labels<br>`label-source` | default | 353 of 4,096 elements differ; 59 % of the length | `a[norm=linf]` |\n"
)
SMOOTHING = "| Smoothing \\| attack<br>`label-smoothing` | convention | 36 % of the length of the gradients | `b` |\n"
FORM = "| The form<br>`l2-form` | arithmetic | 2.7e-05 % of the length of the perturbations | `c` |\n"
TARGET = "| A class<br>`target` | missing feature | 6 cases without a result on a side | `d` |\n"
PAGE = HEAD + LABELS + SMOOTHING + FORM + TARGET


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("353 of 4,096", "200 of 4,096"),
        ("59 %", "37 %"),
        ("2.7e-05 %", "9.1e-04 %"),
        (FORM, ""),
    ],
)
def test_what_another_machine_may_move_is_no_change(was: str, now: str) -> None:
    assert was in PAGE
    assert changes(PAGE, PAGE.replace(was, now)) == changes(PAGE.replace(was, now), PAGE) == []


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        (
            "353 of 4,096",
            "100 of 4,096",
            "label-source: 100 of 4,096 elements differ; 59 % of the length; accepted 353",
        ),
        ("2.7e-05 %", "9 %", "l2-form: 9 % of the length of the perturbations; accepted 2.7e-05 %"),
        ("59 %", "21 %", "label-source: 353 of 4,096 elements differ; 21 %"),
        ("36 %", "0.3 %", "label-smoothing: 0.3 % of the length of the gradients; accepted 36 %"),
        ("the gradients", "the final weights", "label-smoothing: 36 % of the length of the final weights"),
        ("default", "defect", "label-source: what is said of it has changed"),
        ("`d`", "`e`", "target: measured in `e`, accepted in `d`"),
        ("6 cases", "60 cases", "target: 60 cases"),
        (LABELS, "", "label-source: in the page, and nothing of it in the run"),
    ],
)
def test_what_has_changed_is_named(was: str, now: str, told: str) -> None:
    assert was in PAGE
    (found,) = changes(PAGE, PAGE.replace(was, now))
    assert found.startswith(told)


def test_a_row_that_is_not_in_the_page_and_one_before_a_larger_one_are_named() -> None:
    assert changes(HEAD + LABELS + TARGET, PAGE) == ["label-smoothing: in the run, and not in the page"]
    shuffled = HEAD + SMOOTHING.replace("36 %", "20 %") + LABELS
    assert changes(shuffled, shuffled) == ["label-smoothing: stands before label-source, which is larger"]


def test_the_table_goes_between_the_marks() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    made = with_table(text, PAGE)
    assert made.startswith("before\n")
    assert made.endswith("after\n")
    assert changes(between_marks(made), PAGE) == []
    assert with_table(made, PAGE) == made
    with pytest.raises(HarnessError, match="expected a page of differences or a file with <!-- differences -->"):
        with_table("without marks", PAGE)
