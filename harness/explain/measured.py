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


@dataclass(frozen=True)
class Evidence:
    """A comparison in which a cause is at work.

    Attributes:
        record: its case.
        comparison: it.
        distance: how far apart the two sides are, relative to the longer one: perturbations, gradients of the weights,
            or final weights, as vectors. Infinite where that is no number.
        share: how much of the divergence the cause has, in [0, 1].
        established: whether it was found by intervention, or the scenario is one that isolates the cause.
    """

    record: CaseRecord
    comparison: Comparison
    distance: float
    share: float
    established: bool

    @property
    def effect(self) -> float:
        """The part of the distance that is this cause's."""
        return self.share * min(self.distance, _OPPOSITE)

    def in_words(self) -> str:
        """How many elements differ, how far apart the two sides are, and how much of that is this cause's."""
        part = f"{100 * self.share:.0f} %"
        return self._figures() + ("" if part == "100 %" else f", {part} of that by this cause")

    def _figures(self) -> str:
        figures = self.comparison.metrics
        what, elements = _VECTORS[self.record.case.kind], f"{figures.get('elements', 0):,}"
        if figures.get("incomparable"):
            return f"{figures['incomparable']:,} of {elements} elements are a number on one side only"
        return (
            f"{figures.get('differing', 0):,} of {elements} elements differ; the {what} are "
            f"{100 * self.distance:.3g} % of their length apart"
        )


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
    """The comparisons in which the cause is at work, the largest effect first.

    Where the causes of a run's divergences are established, those that name it; otherwise those of the scenario that
    isolates it.
    """
    found = list(_established(cause, run)) or list(_isolated(cause, run))
    return sorted(found, key=lambda evidence: -evidence.effect)


def not_expressed(cause: Cause, run: Run) -> NotExpressed:
    """What is missing in the scenario that shows a missing feature."""
    cases, reasons = set(), {}
    for record, comparison in _of_scenario(cause, run):
        if comparison.verdict in _NOT_COMPUTED:
            cases.add(record.case.id)
            for name in (comparison.left, comparison.right):
                outcome = record.outcome(name)
                if outcome.status != "ok":
                    reasons.setdefault(name, f"{name}: {outcome.reason}")
    return NotExpressed(len(cases), tuple(reasons.values()))


def in_words(cause: Cause, run: Run) -> str:
    """What the run shows of the cause in a sentence or two; nothing where it shows nothing."""
    found, missing = evidence_for(cause, run), not_expressed(cause, run)
    if found:
        first = found[0]
        pair = f"{first.comparison.left} and {first.comparison.right} in {first.record.case.id}"
        more = f" Largest of {len(found):,} comparisons." if len(found) > 1 else ""
        return f"{pair}: {first.in_words()}.{more}"
    if missing.cases:
        return f"{missing.cases:,} cases without a result on a side. {' '.join(f'{one}.' for one in missing.reasons)}"
    return ""


def is_at(case: Case, where: Mapping[str, Any]) -> bool:
    """Whether a case has these settings of its scenario's matrix; of a list of values, any."""
    return all(case.point.get(name) in (value if isinstance(value, list) else [value]) for name, value in where.items())


def is_in(cause: Cause, run: Run) -> bool:
    """Whether the run has cases in which the cause would show."""
    return next(_of_scenario(cause, run), None) is not None


def _established(cause: Cause, run: Run) -> Iterator[Evidence]:
    for record in run.cases:
        for comparison in record.comparisons:
            if _is_of_libraries(comparison) or _is_its_pair(cause, comparison):
                for one in comparison.causes:
                    if one["code"] == cause.code and one["share"] >= _LEAST_SHARE:
                        distance = _distance(run, record, comparison)
                        yield Evidence(record, comparison, distance, min(1.0, one["share"]), established=True)


def _isolated(cause: Cause, run: Run) -> Iterator[Evidence]:
    # Arithmetic and round-off make no divergence, or not by themselves: there a difference is all that shows.
    any_difference = cause.nature in ("arithmetic", "measurement")
    for record, comparison in _of_scenario(cause, run):
        differs = any_difference and comparison.verdict is Verdict.CLOSE and comparison.metrics.get("differing")
        if comparison.verdict is Verdict.DIVERGED or differs:
            yield Evidence(record, comparison, _distance(run, record, comparison), 1.0, established=False)


def _of_scenario(cause: Cause, run: Run) -> Iterator[tuple[CaseRecord, Comparison]]:
    isolation = cause.isolation
    if isolation is None:
        return
    for record in run.cases:
        if record.case.scenario != isolation.scenario or not is_at(record.case, isolation.where):
            continue
        for comparison in record.comparisons:
            if _is_its_pair(cause, comparison) if isolation.pair else _is_of_libraries(comparison):
                yield record, comparison


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
