"""Numbers written into a file as nested lists."""

from __future__ import annotations

import math

from harness.scenario.complaints import Report, describe
from harness.scenario.node import Node, Path
from harness.scenario.schema.forms import as_float

Shape = tuple[int, ...]


def read_shape(
    node: Node, at: Path, report: Report, *, least: float = -math.inf, most: float = math.inf
) -> Shape | None:
    """The shape of nested lists of finite numbers from ``least`` to ``most``.

    Returns:
        The shape, or ``None`` after complaining about the first list or number that does not fit.
    """
    if isinstance(node.value, list):
        return _shape(node, at, report, least, most)
    report.at(node, at, f"expected a list of numbers, got {describe(node.value)}.")
    return None


def _shape(node: Node, at: Path, report: Report, least: float, most: float) -> Shape | None:
    if not isinstance(node.value, list):
        return () if _fits(node, at, report, least, most) else None
    if not node.value:
        report.at(node, at, "expected numbers, got an empty list.")
        return None
    first: Shape | None = None
    for index in range(len(node.value)):
        item = node.items[index]
        shape = _shape(item, (*at, index), report, least, most)
        if shape is None:
            return None
        if first is None:
            first = shape
        elif shape != first:
            report.at(item, (*at, index), f"expected {_words(first)} like the first one, got {_words(shape)}.")
            return None
    return None if first is None else (len(node.value), *first)


def _fits(node: Node, at: Path, report: Report, least: float, most: float) -> bool:
    number = as_float(node.value)
    if math.isfinite(number) and least <= number <= most:
        return True
    limits = f" from {least:g} to {most:g}" if math.isfinite(least) else ""
    report.at(node, at, f"expected a finite number{limits}, got {describe(node.value)}.")
    return False


def _words(shape: Shape) -> str:
    if not shape:
        return "a number"
    return f"{shape[0]} numbers" if len(shape) == 1 else f"lists of shape {'x'.join(map(str, shape))}"
