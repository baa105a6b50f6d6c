"""What a run shows of a cause: the comparisons of two libraries in which it is at work, and how far apart they are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.engine.record import CaseRecord, Run
from harness.explain.cause import Cause
from harness.vocabulary import Case, Comparison, Verdict

LIBRARIES = ("nsl", "cleverhans-v4", "cleverhans-v3")
_VECTORS = {"perturbation": "perturbations", "loss": "gradients", "training": "final weights"}
_OPPOSITE = 2.0
"""The distance of two vectors of one length that point away from each other: more there is not between numbers."""
_LEAST_SHARE = 0.01
"""Of a divergence, for the cause to be seen in it: arithmetic has a trace in everything."""
_NOT_COMPUTED = (Verdict.UNSUPPORTED, Verdict.ERROR)

ROUNDING = ("arithmetic", "measurement")
"""Natures of which a difference within round-off may be all that there is to see."""


@dataclass(frozen=True)
class Evidence:
    """A comparison in which a cause is at work.

    Attributes:
        record: its case.
        comparison: it.
        distance: how far apart the two sides are, relative to the longer one: perturbations, gradients of the weights,
            or final weights, as vectors. Infinite where that is no number.
        share: how much of the divergence the cause has, in [0, 1].
    """

    record: CaseRecord
    comparison: Comparison
    distance: float
    share: float

    @property
    def effect(self) -> float:
        """The part of the distance that is this cause's."""
        return self.share * min(self.distance, _OPPOSITE)

    def in_words(self) -> str:
        """How many elements differ, how far apart the two sides are, and how much of that is this cause's."""
        if self._incomparable():
            return f"{self.elements()} are a number on one side only{self._part()}"
        return (
            f"{self.elements()} differ; the {self._vectors()} are {self._percent()} of their length apart{self._part()}"
        )

    def in_short(self) -> str:
        """The same in a few words."""
        if self._incomparable():
            return f"{self.elements()} are a number on one side only{self._part()}"
        return f"{self._percent()} of the length of the {self._vectors()}{self._part()}"

    def elements(self) -> str:
        """``58 of 64 elements``: how many differ, or are a number on one side only."""
        figures = self.comparison.metrics
        number = self._incomparable() or figures.get("differing", 0)
        return f"{number:,} of {figures.get('elements', 0):,} elements"

    def _incomparable(self) -> int:
        return self.comparison.metrics.get("incomparable") or 0

    def _vectors(self) -> str:
        return _VECTORS[self.record.case.kind]

    def _percent(self) -> str:
        """Two digits: what another processor's last bits do to trained weights moves more than that."""
        percent = 100 * self.distance
        return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"

    def _part(self) -> str:
        part = f"{100 * self.share:.0f} %"
        return "" if part == "100 %" else f", {part} of that by this cause"


@dataclass(frozen=True)
class NotExpressed:
    """Comparisons of two libraries that a missing feature has left without figures.

    Attributes:
        cases: how many cases have one.
        reasons: of the sides that returned nothing, each once, with the subject before it.
    """

    cases: int
    reasons: tuple[str, ...]


def evidence_for(cause: Cause, run: Run) -> list[Evidence]:
    """The comparisons that say most of the cause, the largest effect first.

    First of all those of the scenario that isolates it, then others in which it is established; and where none is
    established, those of the scenario that is said to isolate it.
    """
    found = [*_established(cause, run), *_isolated(cause, run)]
    best = min((one.rank for one in found), default=0)
    chosen = [
        Evidence(one.record, one.comparison, _distance(run, one.record, one.comparison), one.share)
        for one in found
        if one.rank == best
    ]
    # By two digits: of pairs that differ in later ones the first is shown, on every machine the same.
    return sorted(chosen, key=lambda evidence: -float(f"{evidence.effect:.2g}"))


def comparisons_with(cause: Cause, run: Run) -> int:
    """In how many comparisons of libraries the cause is at work, or is said to be."""
    return len({id(one.comparison) for one in (*_established(cause, run), *_isolated(cause, run))})


def not_expressed(cause: Cause, run: Run) -> NotExpressed:
    """What is missing in the scenario that shows a missing feature."""
    cases, reasons = set(), {}
    for record, comparison in isolating(cause, run):
        if comparison.verdict in _NOT_COMPUTED:
            cases.add(record.case.id)
            for name in (comparison.left, comparison.right):
                outcome = record.outcome(name)
                if outcome.status != "ok":
                    named = outcome.reason.startswith(name)
                    reasons.setdefault(name, outcome.reason if named else f"{name}: {outcome.reason}")
    return NotExpressed(len(cases), tuple(reasons.values()))


def in_words(cause: Cause, run: Run) -> str:
    """What the run shows of the cause in a sentence or two; nothing where it shows nothing."""
    found, missing = evidence_for(cause, run), not_expressed(cause, run)
    told = []
    if found:
        first, every = found[0], comparisons_with(cause, run)
        pair = f"{first.comparison.left} and {first.comparison.right} in {first.record.case.id}"
        told.append(f"{pair}: {first.in_words()}.")
        told += [f"It is at work in {every:,} comparisons of libraries."] if every > 1 else []
    if missing.cases:
        told.append(f"{missing.cases:,} {'case' if missing.cases == 1 else 'cases'} without a result on a side.")
        told += [f"{one.rstrip('.')}." for one in missing.reasons]
    return " ".join(told)


def isolating(cause: Cause, run: Run) -> Iterator[tuple[CaseRecord, Comparison]]:
    """The comparisons of a run in which nothing but the cause is at work."""
    isolation = cause.isolation
    if isolation is None:
        return
    for record in run.cases:
        if record.case.scenario != isolation.scenario or not is_at(record.case, isolation.where):
            continue
        for comparison in record.comparisons:
            if _is_its_pair(cause, comparison) if isolation.pair else _is_of_libraries(comparison):
                yield record, comparison


def is_at(case: Case, where: Mapping[str, Any]) -> bool:
    """Whether a case has these settings of its scenario's matrix; of a list of values, any."""
    return all(case.point.get(name) in (value if isinstance(value, list) else [value]) for name, value in where.items())


def is_in(cause: Cause, run: Run) -> bool:
    """Whether the run has cases in which the cause would show."""
    return next(isolating(cause, run), None) is not None


@dataclass(frozen=True)
class _Found:
    """A comparison in which a cause is at work. The lower its rank, the more it says of the cause."""

    record: CaseRecord
    comparison: Comparison
    share: float
    rank: int


def _established(cause: Cause, run: Run) -> Iterator[_Found]:
    alone = {id(comparison) for _, comparison in isolating(cause, run)}
    for record in run.cases:
        for comparison in record.comparisons:
            if _is_of_libraries(comparison) or _is_its_pair(cause, comparison):
                for one in comparison.causes:
                    if one["code"] == cause.code and one["share"] >= _LEAST_SHARE:
                        rank = 0 if id(comparison) in alone else 1
                        yield _Found(record, comparison, min(1.0, one["share"]), rank)


def _isolated(cause: Cause, run: Run) -> Iterator[_Found]:
    for record, comparison in isolating(cause, run):
        differs = comparison.verdict is Verdict.CLOSE and comparison.metrics.get("differing")
        if differs and cause.nature in ROUNDING:
            yield _Found(record, comparison, 1.0, rank=0)
        elif comparison.verdict is Verdict.DIVERGED and not comparison.causes:
            yield _Found(record, comparison, 1.0, rank=2)


def _is_of_libraries(comparison: Comparison) -> bool:
    return {comparison.left, comparison.right} <= set(LIBRARIES)


def _is_its_pair(cause: Cause, comparison: Comparison) -> bool:
    return cause.isolation is not None and {comparison.left, comparison.right} == set(cause.isolation.pair)


def _distance(run: Run, record: CaseRecord, comparison: Comparison) -> float:
    """See ``Evidence.distance``. Raises ``HarnessError`` when the arrays of a perturbation are missing."""
    figures = comparison.metrics
    if record.case.kind != "perturbation":
        distance = figures.get("relative_distance" if record.case.kind == "loss" else "final_distance")
        return math.inf if distance is None else distance
    if figures.get("incomparable"):
        return math.inf
    sides = [run.adversarial(record.outcome(name)) for name in (comparison.left, comparison.right)]
    inputs = run.inputs(record)
    left, right = (
        np.concatenate([(side[name].astype(np.float64) - inputs[name]).ravel() for name in inputs]) for side in sides
    )
    both = np.isfinite(left) & np.isfinite(right)
    left, right = left[both], right[both]
    longer = max(np.linalg.norm(left), np.linalg.norm(right))
    return float(np.linalg.norm(left - right) / longer) if longer else 0.0
