"""The matrix of a scenario: its settings and their values, multiplied out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

from harness.scenario.complaints import Report
from harness.scenario.node import Node, Path
from harness.scenario.schema.forms import INVALID
from harness.scenario.schema.settings import SETTINGS

MOST_CASES = 10_000

Point = dict[str, Node]
"""Dotted setting to the node of its value in the matrix."""


def points(matrix: Node, exclude: Node, report: Report) -> list[Point]:
    """All combinations of the matrix's values but the excluded ones, in the order of the file.

    Without a matrix there is one empty point. Complains about more than ``MOST_CASES`` combinations (and returns none),
    a setting that contains another, an exclusion of what is not in the matrix, and one that leaves nothing.
    """
    if not matrix.value:
        if exclude.value:
            report.at(exclude, ("exclude",), "there is no matrix to exclude points of. Remove it.")
        return [{}]
    size = prod(len(values) for values in matrix.value.values())
    if size > MOST_CASES:
        report.at(
            matrix, ("matrix",), f"expected at most {MOST_CASES} combinations, got {size}. Leave out some values."
        )
        return []
    _check_nesting(matrix, report)
    axes = [[(name, matrix.items[name].items[i]) for i in range(len(matrix.value[name]))] for name in matrix.value]
    every = [dict(combination) for combination in product(*axes)]
    left_out: set[int] = set()
    for index in range(len(exclude.value)):
        left_out |= _excluded(exclude.items[index], ("exclude", index), matrix, every, report)
    if len(left_out) == len(every):
        report.at(exclude, ("exclude",), "nothing is left of the matrix. Exclude less.")
    return [point for index, point in enumerate(every) if index not in left_out]


def _excluded(entry: Node, at: Path, matrix: Node, every: Sequence[Point], report: Report) -> set[int]:
    """Which points, by index, one entry of ``exclude`` holds; complains if it is wrong or holds none."""
    unknown = [name for name in entry.value if name not in matrix.value]
    for name in unknown:
        message = f"is not in the matrix. Valid: {', '.join(matrix.value)}."
        report.at_key(entry, (*at, name), message)
    if unknown:
        return set()
    wanted = {name: wanted_values(name, entry.items[name], (*at, name), report) for name in entry.value}
    if any(values is INVALID for values in wanted.values()):
        return set()
    found = {
        index
        for index, point in enumerate(every)
        if all(canonical(name, point[name]) in values for name, values in wanted.items())
    }
    if not found:
        report.at(entry, at, "there is no such point in the matrix. Compare the values, or remove it.")
    return found


def _check_nesting(matrix: Node, report: Report) -> None:
    for name in matrix.value:
        for outer in matrix.value:
            if name.startswith(f"{outer}."):
                message = f"is part of {outer}, which the matrix varies too. Vary one of the two."
                report.at_key(matrix, ("matrix", name), message)


Wanted = list[Any]
"""Canonical values, of which a setting must have one."""


def wanted_values(name: str, node: Node, at: Path, report: Report) -> Wanted:
    """The canonical values that an entry of ``exclude`` or ``where`` asks a setting to have.

    A list is one value for a setting whose values are lists, and otherwise a list of alternatives.
    """
    form = SETTINGS[name]
    aside = Report(report.file)
    single = form.read(node, at, aside)
    if single is not INVALID:
        return [single]
    if isinstance(node.value, list) and node.value:
        several = [form.read(node.items[i], (*at, i), report) for i in range(len(node.value))]
        return INVALID if any(value is INVALID for value in several) else several
    report.complaints += aside.complaints
    return INVALID


def canonical(name: str, node: Node) -> Any:
    """The canonical value of a setting; ``INVALID``, which equals nothing that is wanted, if it is not a valid one."""
    return SETTINGS[name].read(node, (name,), Report(""))
