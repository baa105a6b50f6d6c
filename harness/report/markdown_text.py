"""Markdown that shows text as it is, whatever the text holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from harness.report.text import printable

# An underscore inside a word means nothing; a square bracket that does not open closes nothing.
_SPECIAL = re.compile(r"([\\`*\[<&|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_SPECIAL_AT_START = re.compile(r"^(\s*)(>|[-+=#](?=[-+=#\s]|$)|\d+(?=[.)](?:\s|$)))")


def escaped(text: object) -> str:
    """Text in which no character means anything to Markdown or HTML."""
    words = _SPECIAL.sub(r"\\\1", printable(text))
    return _SPECIAL_AT_START.sub(_at_start, words)


def _at_start(match: re.Match[str]) -> str:
    space, mark = match.groups()
    return f"{space}{mark}\\" if mark.isdigit() else f"{space}\\{mark}"


def code(text: object) -> str:
    """Text as code, in a table cell or elsewhere."""
    words = printable(text)
    if not words:
        return ""
    if "|" in words:  # it would end a table cell, and an escape for it would show elsewhere
        return escaped(words)
    longest = max((len(run) for run in re.findall("`+", words)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if words.startswith("`") or words.endswith("`") else ""
    return f"{fence}{padding}{words}{padding}{fence}"


def sentence(text: object) -> str:
    """Escaped text with one full stop at its end."""
    return f"{escaped(text).rstrip('. ')}."


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table of cells that are Markdown already, with an empty line after it."""
    lines = [head, ["---"] * len(head), *rows]
    return [*(f"| {' | '.join(line)} |" for line in lines), ""]
