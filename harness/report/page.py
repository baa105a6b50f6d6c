"""The parts of ``report.html`` that are there without a script: what the template fills in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.engine.record import CaseRecord, Run
from harness.engine.standing import GROUPS, Deviation
from harness.report.causes import causes_found, unexplained
from harness.report.expectation import expected_text
from harness.report.headline import Failure, Headline, failures, headline, libraries, unexpected
from harness.report.interest import listed
from harness.report.known import known_differences
from harness.report.matrix import SYMBOLS, Cell, Pair, by_scenario, in_table_order, matrix_of, pair_of, pairs_of
from harness.report.settings import point_text
from harness.report.standing import label
from harness.report.text import count, duration
from harness.vocabulary import Comparison, Verdict

MOST_LISTED = 200
"""Unexpected comparisons that are listed at the top. All of them are in the list of cases."""


_STATUS = {"expected": "e", "unexpected": "u", "unstated": "n"}


@dataclass(frozen=True)
class Mark:
    """A comparison in the strip of a case: one character, in the place of its pair."""

    pair: Pair
    comparison: Comparison | None


@dataclass(frozen=True)
class Row:
    """A case in the list.

    Attributes:
        number: its position in the run.
        record: the case.
        label: what sets it apart within its scenario.
        marks: one for each pair of the run's subjects, in the order of the matrix.
        note: how its comparisons stand to what is expected.
    """

    number: int
    record: CaseRecord
    label: str
    marks: tuple[Mark, ...]
    note: str

    @property
    def unexpected(self) -> bool:
        """Whether any comparison is not as expected."""
        return any(mark.comparison and mark.comparison.status == "unexpected" for mark in self.marks)


@dataclass(frozen=True)
class Segment:
    """A part of a bar, in percent of its length."""

    verdict: Verdict
    start: float
    width: float


def context(run: Run) -> dict[str, Any]:
    """Everything that the template shows of a run."""
    subjects, numbers = in_table_order(run.subjects), {id(record): n for n, record in enumerate(run.cases)}
    pairs = pairs_of(subjects)
    shown = set(listed(run))
    scenarios = [
        (records[0].case, rows)
        for records in by_scenario(run).values()
        if (rows := [_row(numbers[id(one)], one, pairs) for one in records if numbers[id(one)] in shown])
    ]
    verdict: Headline = headline(run)
    found: Sequence[tuple[CaseRecord, Comparison]] = unexpected(run)
    failed: Sequence[Failure] = failures(run)
    return {
        "run": run,
        "headline": verdict,
        "totals": run.totals,
        "took": duration(run.seconds),
        "verdicts": {verdict: run.totals["verdicts"][str(verdict)] for verdict in Verdict},
        "symbols": SYMBOLS,
        "libraries": [(cell, known_differences(run, (cell.left, cell.right))) for cell in libraries(run)],
        "unexplained": unexplained(run)[:MOST_LISTED],
        "causes": causes_found(run),
        "unexpected": found[:MOST_LISTED],
        "unexpected_rest": max(0, len(found) - MOST_LISTED),
        "failures": failed,
        "standing": _standing(run),
        "subjects": subjects,
        "places": {name: place for place, name in enumerate(subjects, start=1)},
        "pairs": pairs,
        "cells": matrix_of(run),
        "scenarios": scenarios,
        "listed": len(shown),
        "tags": sorted({tag for record in run.cases for tag in record.case.tags}),
        "variables": _shared_variables(run.subjects),
        "expected": expected_text,
        "segments": segments,
        "count": count,
    }


def _standing(run: Run) -> list[tuple[str, Sequence[Deviation], int]]:
    """Of each group of deviations from the baseline its name, those to list, and how many more there are."""
    if run.standing is None:
        return []
    groups = [(label(name), getattr(run.standing, name)) for name in GROUPS]
    return [(name, found[:MOST_LISTED], max(0, len(found) - MOST_LISTED)) for name, found in groups if found]


def index(run: Run) -> dict[str, Any]:
    """What the page's filters look through: of each case the verdicts and expectations by pair, tags and words."""
    pairs = pairs_of(in_table_order(run.subjects))
    return {
        "pairs": pairs,
        "verdicts": {symbol: str(verdict) for verdict, symbol in SYMBOLS.items()},
        "statuses": {letter: status for status, letter in _STATUS.items()},
        "cases": {number: _indexed(run.cases[number], pairs) for number in listed(run)},
    }


def _indexed(record: CaseRecord, pairs: Sequence[Pair]) -> dict[str, Any]:
    found = {pair_of(comparison): comparison for comparison in record.comparisons}
    compared = [found.get(pair) for pair in pairs]
    words = [record.case.id, record.case.summary, *record.case.tags]
    words += dict.fromkeys([*(one.reason for one in record.outcomes), *(one.because for one in record.comparisons)])
    return {
        "id": record.case.id,
        "verdicts": "".join(SYMBOLS[one.verdict] if one else " " for one in compared),
        "statuses": "".join(_STATUS[one.status] if one else " " for one in compared),
        "tags": record.case.tags,
        "stored": "".join("1" if one.from_store else "0" for one in record.outcomes),
        "words": " ".join(words).lower(),
    }


def _row(number: int, record: CaseRecord, pairs: Sequence[Pair]) -> Row:
    found = {pair_of(comparison): comparison for comparison in record.comparisons}
    statuses = [comparison.status for comparison in record.comparisons]
    wrong, unstated = statuses.count("unexpected"), statuses.count("unstated")
    parts = [f"{wrong} unexpected"] if wrong else []
    parts += [f"{unstated} unstated"] if unstated else []
    return Row(
        number,
        record,
        point_text(record.case.point) or record.case.id,
        tuple(Mark(pair, found.get(pair)) for pair in pairs),
        ", ".join(parts) or ("as expected" if statuses else "not compared"),
    )


def segments(verdicts: Mapping[Verdict, int]) -> list[Segment]:
    """The bar of some counts of verdicts."""
    total, start, parts = sum(verdicts.values()) or 1, 0.0, []
    for verdict, number in verdicts.items():
        width = 100 * number / total
        parts.append(Segment(verdict, round(start, 3), round(width, 3)))
        start += width
    return parts


def cell_words(cell: Cell) -> str:
    """A cell for those who cannot see it."""
    wrong = f"; {cell.unexpected} unexpected" if cell.unexpected else ""
    return f"{cell.left} and {cell.right}: {cell.in_words()}{wrong}"


def _shared_variables(subjects: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Environment variables of the workers, as text, and the subjects that share them."""
    alike: dict[str, list[str]] = {}
    for name in in_table_order(subjects):
        variables = sorted(subjects[name].get("variables", {}).items())
        if variables:
            alike.setdefault(" ".join(f"{variable}={value}" for variable, value in variables), []).append(name)
    return alike
