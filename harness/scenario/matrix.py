"""The matrix of a scenario: its settings and their values, multiplied out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
    excluded = [_Excluded(node, ("exclude", index), matrix, report) for index, node in _items(exclude)]
    held = [{index for index, point in enumerate(every) if entry.holds(point)} for entry in excluded]
    kept = [point for index, point in enumerate(every) if not any(index in indices for indices in held)]
    for entry, indices in zip(excluded, held, strict=True):
        if entry.valid and not indices:
            report.at(entry.node, entry.at, "there is no such point in the matrix. Compare the values, or remove it.")
    if not kept and all(entry.valid for entry in excluded):
        report.at(exclude, ("exclude",), "nothing is left of the matrix. Exclude less.")
    return kept


def _items(node: Node) -> Iterator[tuple[int, Node]]:
    for index in range(len(node.value)):
        yield index, node.items[index]


def _check_nesting(matrix: Node, report: Report) -> None:
    for name in matrix.value:
        for outer in matrix.value:
            if name.startswith(f"{outer}."):
                message = f"is part of {outer}, which the matrix varies too. Vary one of the two."
                report.at_key(matrix, ("matrix", name), message)


@dataclass
class _Excluded:
    """One entry of ``exclude``, and which points it holds."""

    node: Node
    at: Path
    matrix: Node
    report: Report

    def __post_init__(self) -> None:
        self.valid = True
        self.wanted: dict[str, Wanted] = {}
        for name in self.node.value:
            if name not in self.matrix.value:
                message = f"is not in the matrix. Valid: {', '.join(self.matrix.value)}."
                self.report.at_key(self.node, (*self.at, name), message)
                self.valid = False
                continue
            wanted = wanted_values(name, self.node.items[name], (*self.at, name), self.report)
            self.valid = self.valid and wanted is not INVALID
            self.wanted[name] = wanted

    def holds(self, point: Point) -> bool:
        return self.valid and all(canonical(name, point[name]) in wanted for name, wanted in self.wanted.items())


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
