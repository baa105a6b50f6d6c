"""Subjects against subjects: what came of every pair over all cases of a run."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.engine.record import CaseRecord, Run
from harness.report.text import count
from harness.vocabulary import SUBJECTS, Comparison, Verdict, is_own

SYMBOLS = {
    Verdict.EQUAL: "=",
    Verdict.CLOSE: "~",
    Verdict.DIVERGED: "!",
    Verdict.UNSUPPORTED: "-",
    Verdict.ERROR: "x",
}
"""One character for a verdict, where there is room for no more."""

BY_INTEREST = (Verdict.ERROR, Verdict.DIVERGED, Verdict.CLOSE, Verdict.EQUAL, Verdict.UNSUPPORTED)
"""What to show first. A case that a side cannot express says nothing about what the pair does in the others, so it
stands last and is always counted apart."""

_JUDGED = {
    Verdict.EQUAL: "equal bit for bit in",
    Verdict.CLOSE: "within round-off in",
    Verdict.DIVERGED: "different in",
}
_GAPS = {Verdict.UNSUPPORTED: "a side cannot express", Verdict.ERROR: "where a side failed"}

Pair = tuple[str, str]


@dataclass(frozen=True)
class Cell:
    """All comparisons of one pair.

    Attributes:
        left, right: the subjects, in table order.
        verdicts: how many comparisons came to each verdict that occurs.
        unexpected: how many are not as the scenario expects.
    """

    left: str
    right: str
    verdicts: Mapping[Verdict, int]
    unexpected: int

    @property
    def total(self) -> int:
        """How many comparisons there are."""
        return sum(self.verdicts.values())

    @property
    def worst(self) -> Verdict:
        """The verdict to name the cell by: the first of ``BY_INTEREST`` that occurs."""
        return next(verdict for verdict in BY_INTEREST if verdict in self.verdicts)

    def in_words(self) -> str:
        """``equal bit for bit in 63 of 126 cases, within round-off in 30; 33 a side cannot express``."""
        judged = {verdict: words for verdict, words in _JUDGED.items() if verdict in self.verdicts}
        counts = [f"{self.verdicts[verdict]:,}" for verdict in judged]
        if counts and self.verdicts[next(iter(judged))] == self.total:
            counts = [f"all {counts[0]} cases" if self.total > 1 else "the one case"]
        elif counts:
            counts[0] += f" of {count(self.total, 'case')}"
        parts = [f"{words} {number}" for words, number in zip(judged.values(), counts, strict=True)]
        gaps = [f"{self.verdicts[verdict]:,} {words}" for verdict, words in _GAPS.items() if verdict in self.verdicts]
        return "; ".join([", ".join(parts), *gaps] if parts else gaps)


def is_library(subject: str) -> bool:
    """Whether a subject is a real library, and no reimplementation."""
    return not subject.startswith("reference-")


def in_table_order(names: Iterable[str]) -> list[str]:
    """Subjects in the order in which every table shows them: a user's own, the shipped ones, others."""
    order = {name: position for position, name in enumerate(SUBJECTS)}
    return sorted(names, key=lambda name: (order.get(name, -1 if is_own(name) else len(order)), name))


def pair_of(comparison: Comparison) -> Pair:
    """The two subjects in table order, whatever the order in the scenario."""
    return _in_order(comparison.left, comparison.right)


@functools.lru_cache(maxsize=1024)
def _in_order(one: str, other: str) -> Pair:
    left, right = in_table_order((one, other))
    return left, right


def pairs_of(subjects: list[str]) -> list[Pair]:
    """Every pair of the subjects, row by row of the upper triangle."""
    return [(left, right) for row, left in enumerate(subjects) for right in subjects[row + 1 :]]


def matrix_of(run: Run) -> dict[Pair, Cell]:
    """The cells of the pairs that were compared, row by row."""
    verdicts: dict[Pair, Counter[Verdict]] = {}
    unexpected: Counter[Pair] = Counter()
    for record in run.cases:
        for comparison in record.comparisons:
            pair = pair_of(comparison)
            verdicts.setdefault(pair, Counter())[comparison.verdict] += 1
            unexpected[pair] += comparison.status == "unexpected"
    return {
        pair: Cell(*pair, {verdict: counted[verdict] for verdict in Verdict if counted[verdict]}, unexpected[pair])
        for pair in pairs_of(in_table_order(run.subjects))
        if (counted := verdicts.get(pair))
    }


def by_scenario(run: Run) -> dict[str, list[CaseRecord]]:
    """The cases of each scenario, in the order of the run."""
    scenarios: dict[str, list[CaseRecord]] = {}
    for record in run.cases:
        scenarios.setdefault(record.case.scenario, []).append(record)
    return scenarios
