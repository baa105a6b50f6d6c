"""Expressions of ``-k``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.scenario.keyword import parse_keyword
from harness.vocabulary import HarnessError

WORDS = ["alpha", "beta", "a[x=8/255,y=l2]"]


@pytest.mark.parametrize(
    ("expression", "matches"),
    [
        ("ALPHA", True),
        ("lph", True),
        ("gamma", False),
        ("not gamma", True),
        ("not not alpha", True),
        ("alpha and beta", True),
        ("alpha and gamma or beta", True),
        ("gamma or beta and gamma", False),
        ("not gamma and beta", True),
        ("not (alpha and beta)", False),
        ("(alpha or gamma) and(not(gamma))", True),
        ("x=8/255 and l2]", True),
        ("android", False),
    ],
)
def test_words_occur_in_the_text(expression: str, matches: bool) -> None:
    assert parse_keyword(expression).matches(" ".join(WORDS).upper()) is matches


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("", "column 1: expected a word, got the end."),
        ("   ", "column 4: expected a word, got the end."),
        ("and", "column 1: expected a word, got and."),
        ("alpha beta", "column 7: expected and, or or a closing parenthesis, got beta."),
        ("alpha not beta", "column 7: expected and, or or a closing parenthesis, got not."),
        ("alpha or", "column 9: expected a word, got the end."),
        ("(alpha", "column 7: expected a closing parenthesis, got the end."),
        ("alpha)", "column 6: expected an opening parenthesis before it, got )."),
        ("()", "column 2: expected a word, got )."),
    ],
)
def test_a_malformed_expression_is_explained(expression: str, problem: str) -> None:
    with pytest.raises(HarnessError) as caught:
        parse_keyword(expression)
    assert str(caught.value).startswith(f"-k {expression!r}, {problem} Write words with and, or, not")


def test_depth_does_not_matter() -> None:
    assert parse_keyword("(" * 100_000 + "a" + ")" * 100_000).matches("a")
    assert parse_keyword("not " * 100_001 + "a").matches("b")


TRUTHS = {"yes": True, "no": False}
EXPRESSIONS = st.recursive(
    st.sampled_from(sorted(TRUTHS)),
    lambda inner: st.one_of(
        inner.map("not {}".format),
        inner.map("({})".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
    ),
    max_leaves=12,
)


@given(EXPRESSIONS)
def test_it_means_what_python_means(expression: str) -> None:
    assert parse_keyword(expression).matches("yes") is eval(expression, {}, TRUTHS)
