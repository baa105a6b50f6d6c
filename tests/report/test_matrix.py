"""Subjects against subjects."""

import pytest

from harness.report.matrix import Cell, in_table_order, matrix_of, pairs_of
from harness.vocabulary import Verdict


def test_every_comparison_is_counted_in_the_cell_of_its_pair(run):
    cells = matrix_of(run)
    assert list(cells) == pairs_of(["nsl", "cleverhans-v4", "reference-float64"])
    assert sum(cell.total for cell in cells.values()) == run.totals["comparisons"]
    assert sum(cell.unexpected for cell in cells.values()) == run.totals["unexpected"] == 2
    libraries = cells["nsl", "cleverhans-v4"]
    assert libraries.verdicts == {
        Verdict.EQUAL: 3,
        Verdict.CLOSE: 1,
        Verdict.DIVERGED: 1,
        Verdict.UNSUPPORTED: 1,
        Verdict.ERROR: 1,
    }
    assert libraries.unexpected == 1


def test_subjects_stand_in_the_order_of_the_tables_and_unknown_ones_last():
    assert in_table_order(["mine", "reference-nsl", "cleverhans-v4", "nsl"]) == [
        "nsl",
        "cleverhans-v4",
        "reference-nsl",
        "mine",
    ]


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ({Verdict.EQUAL: 9, Verdict.UNSUPPORTED: 1}, Verdict.EQUAL),
        ({Verdict.UNSUPPORTED: 1}, Verdict.UNSUPPORTED),
        ({Verdict.EQUAL: 9, Verdict.CLOSE: 1}, Verdict.CLOSE),
        ({Verdict.CLOSE: 9, Verdict.DIVERGED: 1}, Verdict.DIVERGED),
        ({Verdict.DIVERGED: 9, Verdict.ERROR: 1}, Verdict.ERROR),
    ],
)
def test_a_cell_is_named_by_the_gravest_verdict_where_both_sides_could_express_the_case(verdicts, worst):
    assert Cell("nsl", "cleverhans-v4", verdicts, 0).worst is worst


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ({Verdict.EQUAL: 5}, "equal bit for bit in all 5 cases"),
        ({Verdict.CLOSE: 1}, "within round-off in the one case"),
        (
            {Verdict.EQUAL: 3, Verdict.DIVERGED: 2, Verdict.ERROR: 1},
            "equal bit for bit in 3 of 6 cases, different in 2; 1 where a side failed",
        ),
        ({Verdict.UNSUPPORTED: 4}, "4 a side cannot express"),
    ],
)
def test_a_cell_in_words(verdicts, words):
    assert Cell("nsl", "cleverhans-v4", verdicts, 0).in_words() == words
