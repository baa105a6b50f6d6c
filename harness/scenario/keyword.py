"""Expressions that select cases by their ids, as in pytest's ``-k``: words, ``and``, ``or``, ``not``, parentheses."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from harness.vocabulary import HarnessError

_TOKEN = re.compile(r"\s*(?:([()])|([^\s()]+))")
_BINDING = {"or": 1, "and": 2, "not": 3}


@dataclass(frozen=True)
class Keyword:
    """A selection, in postfix order: words and the operators ``and``, ``or``, ``not``."""

    postfix: tuple[tuple[str, bool], ...]
    """Each a word or an operator, and whether it is an operator."""

    def matches(self, text: str) -> bool:
        """Whether ``text`` satisfies the expression; a word is satisfied where it occurs, in any case."""
        lower = text.lower()
        stack: list[bool] = []
        for token, is_operator in self.postfix:
            if not is_operator:
                stack.append(token in lower)
            elif token == "not":
                stack.append(not stack.pop())
            else:
                right, left = stack.pop(), stack.pop()
                stack.append(left and right if token == "and" else left or right)
        return stack[0]


def parse_keyword(expression: str) -> Keyword:
    """Parse an expression. ``not`` binds tightest, then ``and``, then ``or``.

    Raises:
        HarnessError: the expression is empty, or a word, an operator or a parenthesis is missing somewhere.
    """
    postfix: list[tuple[str, bool]] = []
    operators: list[str] = []
    fail = _failure(expression)
    wants_word = True
    for match in _TOKEN.finditer(expression.rstrip()):
        token, column = match[1] or match[2].lower(), match.start(match.lastindex or 0) + 1
        if (token in (")", "and", "or")) == wants_word:
            raise fail(column, "a word" if wants_word else "and, or or a closing parenthesis", token)
        if token in ("(", "not"):
            operators.append(token)
        elif token == ")":
            while operators and operators[-1] != "(":
                postfix.append((operators.pop(), True))
            if not operators:
                raise fail(column, "an opening parenthesis before it", token)
            operators.pop()
        elif token in _BINDING:
            while operators and _BINDING.get(operators[-1], 0) >= _BINDING[token]:
                postfix.append((operators.pop(), True))
            operators.append(token)
            wants_word = True
        else:
            postfix.append((token, False))
            wants_word = False
    if wants_word:
        raise fail(len(expression) + 1, "a word", "the end")
    if "(" in operators:
        raise fail(len(expression) + 1, "a closing parenthesis", "the end")
    return Keyword((*postfix, *((operator, True) for operator in reversed(operators))))


def _failure(expression: str) -> Callable[[int, str, str], HarnessError]:
    def fail(column: int, expected: str, got: str) -> HarnessError:
        example = "Write words with and, or, not and parentheses, e.g. -k 'linf and not 8/255'."
        return HarnessError(f"-k {expression!r}, column {column}: expected {expected}, got {got}. {example}")

    return fail
