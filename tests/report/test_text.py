"""What a reader sees of any text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.text import cleaned, count, duration, encodable, figure, printable

any_text = st.text(st.characters(exclude_categories=()))


@given(any_text)
def test_printable_text_is_one_line_without_anything_unseen(text):
    shown = printable(text)
    assert not [one for one in shown if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}]
    assert len(shown.splitlines()) <= 1
    shown.encode()


@given(any_text, st.sampled_from(["ascii", "latin-1", "utf-8"]))
def test_encodable_text_can_be_written(text, encoding):
    encodable(text, encoding).encode(encoding)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, even with umlauts: ä", "plain, even with umlauts: ä"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\u202eb", r"a\u202eb"),
        ("a\ud800b", r"a\ud800b"),
        ("two\nlines\tand a tab", "two lines and a tab"),
        (3, "3"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_an_escape(text, shown):
    assert printable(text) == shown


def test_cleaned_reaches_keys_and_lists_and_leaves_numbers_alone():
    assert cleaned({"\x07": ["\x1b", 1.5, None, ("\x00",)]}) == {r"\x07": [r"\x1b", 1.5, None, [r"\x00"]]}


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (float("nan"), "-"), (1890, "1,890"), (5.96046e-08, "5.96e-08"), (float("inf"), "inf")],
)
def test_figures(value, shown):
    assert figure(value, 3) == shown


def test_counts_and_durations():
    assert [count(1, "case"), count(2, "case"), count(1890, "case")] == ["1 case", "2 cases", "1,890 cases"]
    assert [duration(0.0768), duration(12.3), duration(125)] == ["0.077 s", "12 s", "2 min 5 s"]
