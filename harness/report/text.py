"""Words and figures as a reader sees them, whatever a scenario or a library put into them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from typing import Any

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that move the cursor, reorder text or show nothing: what could make a line say something else."""


def printable(text: object) -> str:
    """The text on one line, with what cannot be seen written as an escape: ``\\x1b``, ``\\u202e``."""
    words = str(text)
    if words.isascii() and words.isprintable():
        return words
    return "".join(_shown(character) for character in words)


def _shown(character: str) -> str:
    if character in "\n\t":
        return " "
    if unicodedata.category(character) not in _UNSEEN:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def encodable(text: object, encoding: str) -> str:
    """Printable text with what an encoding cannot hold written as an escape: no terminal may stop a run."""
    return printable(text).encode(encoding, "backslashreplace").decode(encoding)


def cleaned(value: Any) -> Any:
    """A JSON value with every text in it, keys too, made printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(name): cleaned(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [cleaned(one) for one in value]
    return value


def figure(value: Any, digits: int = 4) -> str:
    """A number to so many significant digits; ``-`` for one that does not exist."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"


def count(number: int, noun: str) -> str:
    """``1 case``, ``1,890 comparisons``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """``0.08 s``, ``12 s``, ``2 min 5 s``."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
