"""Epsilon: a number, or a fraction such as ``8/255``."""

from __future__ import annotations

import math
import re

from harness.scenario.complaints import Report, describe
from harness.scenario.node import Node, Path
from harness.scenario.schema.forms import INVALID, Custom, as_float

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_FRACTION = re.compile(rf"\s*({_NUMBER})\s*/\s*({_NUMBER})\s*")


def _read(node: Node, at: Path, report: Report) -> float:
    value = node.value
    fraction = _FRACTION.fullmatch(value) if isinstance(value, str) else None
    if fraction and float(fraction[2]) == 0:
        report.at(node, at, f"the fraction {value.strip()} divides by zero.")
        return INVALID
    number = float(fraction[1]) / float(fraction[2]) if fraction else as_float(value)
    if math.isfinite(number) and number >= 0:
        return number
    report.at(node, at, f"expected a finite number of at least 0 or a fraction such as 8/255, got {describe(value)}.")
    return INVALID


EPSILON = Custom(
    _read,
    {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": rf"^\s*{_NUMBER}\s*/\s*{_NUMBER}\s*$"}]},
)
"""A finite number of at least 0, or a fraction of two; read as a float."""
