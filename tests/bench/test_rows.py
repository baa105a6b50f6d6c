"""Figures, their spread, and the table of them."""

import pytest

from harness.bench.rows import Row, ratios
from harness.bench.table import figure, table


def test_a_row_is_judged_by_its_median():
    row = Row("speed", "something", (3.0, 1.0, 1.1), "x", 1.15)
    assert (row.median, row.spread, row.holds) == (1.1, (1.0, 3.0), True)
    assert Row("speed", "something", (1.2, 1.2, 0.1), "x", 1.15).holds is False
    assert Row("speed", "something", (1.2,), "x").holds is None


def test_a_limit_may_be_the_least_that_is_demanded():
    rows = [Row("rate", "enough", (1.8,), "x", 1.7, ">="), Row("rate", "too little", (1.6,), "x", 1.7, ">=")]
    assert [row.holds for row in rows] == [True, False]
    enough, too_little = table(rows).splitlines()[2:]
    assert enough.split()[-4:] == [">=", "1.700", "x", "holds"]
    assert too_little.endswith(">= 1.700 x  DOES NOT HOLD")


def test_a_row_goes_into_the_file_with_all_of_its_values():
    assert Row("speed", "something", (2.0, 4.0), "s", 3.0).to_json() == {
        "section": "speed",
        "name": "something",
        "unit": "s",
        "median": 3.0,
        "min": 2.0,
        "max": 4.0,
        "values": [2.0, 4.0],
        "limit": 3.0,
        "bound": "<=",
        "holds": True,
    }


def test_a_ratio_is_of_values_that_were_measured_together():
    assert ratios([2.0, 30.0], [1.0, 10.0]) == (2.0, 3.0)
    with pytest.raises(ValueError, match="argument 2"):
        ratios([1.0, 2.0], [1.0])


def test_the_table_names_a_section_once_and_says_what_does_not_hold():
    rows = [
        Row("speed", "quick", (0.1,), "s", 0.3),
        Row("speed", "slow", (2.0, 1.0, 3.0), "x", 1.15),
        Row("memory", "large", (299.6,), "MB"),
    ]
    lines = table(rows).splitlines()
    assert [line.strip() for line in lines[1::3]] == ["speed", "memory"]
    assert lines[2].split() == ["quick", *["0.100", "s"] * 3, "<=", "0.300", "s", "holds"]
    assert lines[3].endswith("DOES NOT HOLD")
    assert lines[5].split() == ["large", *["299.6", "MB"] * 3]
    ends = {lines[0].index("median") + 6, lines[2].index("0.100 s") + 7, lines[5].index("299.6 MB") + 8}
    assert len(ends) == 1


def test_a_figure_has_the_digits_that_tell_it_from_its_limit():
    assert (figure(1.151, "x"), figure(0.301, "s"), figure(300.4, "MB")) == ("1.151 x", "0.301 s", "300.4 MB")
