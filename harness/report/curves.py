"""The curves of a training: losses, distance of the weights beside the noise twin's, accuracies."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.engine.record import CaseRecord, Run
from harness.report.accuracies import Accuracy, accuracies
from harness.report.kept import keep, made_from, store_of
from harness.report.matrix import BY_INTEREST, Pair, in_table_order, is_library, pair_of
from harness.report.text import count, figure, printable
from harness.vocabulary import Comparison, HarnessError

POINTS = 200
"""The most that a curve has: every so many steps of a longer training."""

MOST_PAIRS = 6
"""Whose distance is drawn: more would hide one another."""

LOSSES = ("total", "clean", "adversarial")

FOLDER = "curves"
"""Of a run folder: one file for each case."""

_NAME_LENGTH = 60


@dataclass(frozen=True)
class Curve:
    """One line.

    Attributes:
        steps: how many steps were done, ascending.
        values: at these. The last ones may be infinite or NaN.
    """

    steps: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Distance:
    """How far two trajectories are apart, relative to the length of the weights, and their noise twins."""

    pair: Pair
    distance: Curve
    twin: Curve


@dataclass(frozen=True)
class Course:
    """Everything that is drawn of one case.

    Attributes:
        steps: of the training.
        losses: by name of the loss, then by subject; a subject that computes no such loss is left out.
        distances: of the pairs that a reader asks for first.
        equal: further such pairs, whose weights are the same in every bit at every recorded step.
        accuracies: by subject.
    """

    steps: int
    losses: dict[str, dict[str, Curve]]
    distances: tuple[Distance, ...]
    equal: tuple[Pair, ...]
    accuracies: dict[str, list[Accuracy]]

    @property
    def subjects(self) -> list[str]:
        """Of whom anything is drawn, in table order."""
        return in_table_order({*self.losses["total"], *self.accuracies})

    @property
    def over_seeds(self) -> bool:
        """Whether there are several seeds."""
        return any(len(one.seeds) > 1 for found in self.accuracies.values() for one in found)


@dataclass(frozen=True)
class Curves:
    """The curves of a case as a picture.

    Attributes:
        svg: ASCII, on one line; empty where there is none.
        words: the same for those who cannot see it.
        missing: why there is none; empty for a case that is no training.
    """

    svg: str = ""
    words: str = ""
    missing: str = ""


NO_CURVES = Curves()


def draw_curves(run: Run) -> dict[int, Curves]:
    """The curves of every training of a run, by the case's position.

    Those that an earlier report has drawn are taken from the run's store, and what draws is imported if there is one
    that is not there.
    """
    store, drawn = store_of(run), {}
    draw: Callable[[Course, str, str], str] | None = None
    for number, record in enumerate(run.cases):
        if record.case.kind != "training":
            continue
        key = made_from("curves", 0, [record])
        kept = store.get_record("curves", key) if store else None
        if kept:
            drawn[number] = Curves(kept["svg"], kept["words"])
            continue
        try:
            course = course_of(run, record)
        except HarnessError as reason:  # a report of the figures is worth having without the arrays
            drawn[number] = Curves(missing=str(reason))
            continue
        if course.subjects:
            draw = draw or _drawing()
            words = in_words(record, course)
            drawn[number] = Curves(draw(course, printable(record.case.id), words), words)
            if store:
                keep(store, "curves", key, {"svg": drawn[number].svg, "words": words})
    return drawn


def _drawing() -> Callable[[Course, str, str], str]:
    # Where its cache cannot be kept it warns; that is slower by a moment, and nothing to trouble a reader with.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from harness.report.plot import Sheet

    sheet = Sheet()
    return lambda course, title, words: sheet.draw(course, title=title, words=words)


def file_name(number: int, case: str) -> str:
    """Where the curves of a case lie in the run folder: ``curves/3-the-question.svg``, safe on every file system.

    Args:
        number: its position in the run, from 0.
        case: its id.
    """
    safe = re.sub(r"[^A-Za-z0-9._]+", "-", case)[:_NAME_LENGTH].strip("-.")
    return f"{FOLDER}/{number + 1}{f'-{safe}' if safe else ''}.svg"


FILE_NAME = re.compile(r"\d+(-[A-Za-z0-9._-]+)?\.svg")
"""Of a file that ``file_name`` may have named."""


def course_of(run: Run, record: CaseRecord) -> Course:
    """What there is to draw of a training.

    Raises:
        HarnessError: when the arrays of an outcome are missing or damaged.
    """
    losses: dict[str, dict[str, Curve]] = {name: {} for name in LOSSES}
    found, steps = {}, 0
    for outcome in record.outcomes:
        if not outcome.arrays:
            continue
        arrays = run.arrays(outcome.arrays)
        for name in LOSSES:
            values = arrays[f"{name}_loss"][0]
            steps = max(steps, len(values))
            if name == "total" or not np.isnan(values).all():
                losses[name][outcome.subject] = thin(np.arange(1, len(values) + 1), values)
        found[outcome.subject] = accuracies(outcome)
    distances, equal = _distances(record)
    return Course(steps, losses, distances, equal, found)


def thin(steps: Sequence[int] | np.ndarray, values: Sequence[float | None] | np.ndarray) -> Curve:
    """At most ``POINTS`` of the points, evenly spaced, the first and the last among them. ``None`` becomes NaN."""
    positions = np.unique(np.linspace(0, len(steps) - 1, min(len(steps), POINTS)).round().astype(int))
    return Curve(np.asarray(steps, np.int64)[positions], np.asarray(values, np.float64)[positions])


def _distances(record: CaseRecord) -> tuple[tuple[Distance, ...], tuple[Pair, ...]]:
    drawn, equal = [], []
    for comparison in pairs_of_interest(record):
        metrics, pair = comparison.metrics, pair_of(comparison)
        if metrics["first_difference"] is None:
            equal.append(pair)
        else:
            curves = (thin(metrics["steps"], metrics[name]) for name in ("distance", "twin"))
            drawn.append(Distance(pair, *curves))
    return tuple(drawn), tuple(equal)


def pairs_of_interest(record: CaseRecord) -> list[Comparison]:
    """What is unexpected and the libraries among themselves; where none of these differ, all pairs."""
    compared = [comparison for comparison in record.comparisons if comparison.metrics]
    compared.sort(key=lambda one: (one.status != "unexpected", BY_INTEREST.index(one.verdict)))
    first = [one for one in compared if one.status == "unexpected" or (is_library(one.left) and is_library(one.right))]
    if any(one.metrics["first_difference"] is not None for one in first):
        return first[:MOST_PAIRS]
    return (first + [one for one in compared if one not in first])[:MOST_PAIRS]


def in_words(record: CaseRecord, course: Course) -> str:
    """The curves of a case for those who cannot see them: where each begins and ends."""
    parts = [f"Curves of {printable(record.case.id)} over {count(course.steps, 'step')}."]
    totals = [f"{subject} {_ends(curve)}" for subject, curve in course.losses["total"].items()]
    parts.append(f"Total loss: {', '.join(totals)}.")
    for one in course.distances:
        left, right = one.pair
        ends = [figure(_last(curve), 2) for curve in (one.distance, one.twin)]
        parts.append(
            f"Weights of {left} and {right} at the end: {ends[0]} of their length apart, noise twin {ends[1]}."
        )
    parts += [f"Weights of {left} and {right}: equal bit for bit." for left, right in course.equal]
    for subject, found in course.accuracies.items():
        if found:
            ends = [f"{100 * one.mean:.1f} % {_condition(one.name)}{_interval(one)}" for one in found]
            parts.append(f"Accuracy of {subject} at the end: {', '.join(ends)}.")
    return " ".join(parts)


def _ends(curve: Curve) -> str:
    stop = _stop(curve)
    end = f"{figure(float(curve.values[0]), 3)} to {figure(_last(curve), 3)}"
    return end if stop is None else f"{end}, then not finite from step {stop:,} on"


def _stop(curve: Curve) -> int | None:
    gone = np.flatnonzero(~np.isfinite(curve.values))
    return int(curve.steps[gone[0]]) if len(gone) else None


def _last(curve: Curve) -> float | None:
    finite = curve.values[np.isfinite(curve.values)]
    return float(finite[-1]) if len(finite) else None


def _condition(name: str) -> str:
    return name if name == "clean" else f"at epsilon {printable(name)}"


def _interval(one: Accuracy) -> str:
    if one.interval is None:
        return ""
    low, high = one.interval
    return f" ({100 * low:.1f} to {100 * high:.1f} over {count(len(one.seeds), 'seed')})"
